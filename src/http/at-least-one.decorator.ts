import { ArrayMinSize } from 'class-validator';

export function AtLeastOne(): PropertyDecorator {
  return ArrayMinSize(1, { message: '$property must have at least one entry' });
}

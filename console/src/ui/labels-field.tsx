import { TextArea } from './fields.js';

interface LabelsFieldProps {
  readonly defaultValue?: string;
  readonly error: string | undefined;
}

export function LabelsField(props: LabelsFieldProps) {
  return (
    <TextArea
      name="labels"
      label="Labels (optional)"
      hint="For your programs and lists: one on a line, such as “customer: acme”"
      {...props}
    />
  );
}

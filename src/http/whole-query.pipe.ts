import { type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { InvalidField } from '../common/domain-error.js';

export interface WholeQueryOptions<Absent> {
  readonly min: number;
  readonly max: number;
  /** What an absent parameter means. */
  readonly absent: Absent;
}

/** An optional query parameter that is a whole number, in decimal digits only. */
export class WholeQueryPipe<Absent extends number | null> implements PipeTransform<unknown, number | Absent> {
  constructor(private readonly options: WholeQueryOptions<Absent>) {}

  transform(text: unknown, { data }: ArgumentMetadata): number | Absent {
    const { min, max, absent } = this.options;
    if (text === undefined) return absent;
    const value = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const name = data ?? 'query';
    throw new InvalidField([
      { pointer: `#${name}`, detail: `${name} must be a whole number between ${min} and ${max}` },
    ]);
  }
}

import { DomainError, type FieldProblem } from '../common/domain-error.js';

export const REFUSALS = [
  'blocked_address',
  'instance_unreachable',
  'instance_error',
  'not_an_instance',
  'instance_blocks_programs',
  'instance_moved',
] as const;
export type Refusal = (typeof REFUSALS)[number];

/** The given address cannot be used as an instance; `code` gives the reason. */
export class InstanceRefused extends DomainError {
  readonly status = 400;
  readonly title = 'The instance cannot be used';
  override readonly errors: readonly FieldProblem[];

  constructor(
    readonly code: Refusal,
    detail: string,
  ) {
    super(detail);
    this.errors = [{ pointer: '/instance', detail }];
  }
}

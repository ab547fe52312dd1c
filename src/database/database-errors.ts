import pg from 'pg';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';
import { ServiceUnavailable } from '../common/domain-error.js';

/** PostgreSQL cannot be reached, is shutting down, has no connection left or did not answer within its time-out. */
export class DatabaseUnavailable extends ServiceUnavailable {
  override readonly code = 'database_unavailable';
  override readonly logLevel = 'debug';

  constructor(cause: unknown) {
    super('The database is temporarily unavailable. Try again shortly.', 1, { cause });
  }
}

// Node's socket errors, and SQLSTATE codes (PostgreSQL documentation, appendix A): query_canceled is what a
// statement time-out raises; serialization failures and deadlocks come here when repeating has not helped.
const UNAVAILABLE_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
  '57P01',
  '57P02',
  '57P03',
  '57P04',
  '57P05',
  '57014',
  '53300',
  '25006',
  '25P03',
  '40001',
  '40P01',
]);

// node-postgres sets no code on these.
const UNAVAILABLE_MESSAGES = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Query read timeout',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
];

// TypeORM's errors for a transaction whose connection was lost between two statements.
const RELEASED = [QueryRunnerAlreadyReleasedError, QueryRunnerProviderAlreadyReleasedError];

/** serialization_failure and deadlock_detected: PostgreSQL has rolled back because of another transaction. */
const CONFLICT_CODES = new Set(['40001', '40P01']);

/** Whether the same work can succeed at once when it is repeated. */
export function isConflict(error: unknown): boolean {
  return CONFLICT_CODES.has(codeOf(error) ?? '') || isOutdatedPlan(error);
}

/** Whether a prepared statement has other columns since a migration ("cached plan must not change result type"). */
export function isOutdatedPlan(error: unknown): boolean {
  const cause = driverError(error);
  return (
    cause instanceof pg.DatabaseError && cause.code === '0A000' && cause.routine === 'RevalidateCachedQuery'
  );
}

/** Whether PostgreSQL refuses a row for what is in it: data exceptions, integrity violations, RAISE. Nothing was written. */
export function isRefusal(error: unknown): boolean {
  return /^(22|23|P0)/.test(codeOf(error) ?? '');
}

function driverError(error: unknown): unknown {
  return error instanceof QueryFailedError ? error.driverError : error;
}

/** The driver's error code: Node's name of a socket error, or a SQLSTATE. */
export function codeOf(error: unknown): string | undefined {
  const cause = driverError(error);
  return typeof cause === 'object' && cause !== null && 'code' in cause && typeof cause.code === 'string'
    ? cause.code
    : undefined;
}

export function isDatabaseUnavailable(error: unknown): boolean {
  if (RELEASED.some((type) => error instanceof type)) return true;
  const cause = driverError(error);
  const code = codeOf(error);
  if (code !== undefined && (UNAVAILABLE_CODES.has(code) || code.startsWith('08'))) return true;
  // A host name with several addresses fails with the errors of all of them in one.
  if (cause instanceof AggregateError) return cause.errors.some(isDatabaseUnavailable);
  return cause instanceof Error && UNAVAILABLE_MESSAGES.some((message) => cause.message.includes(message));
}

/** The name of the violated unique constraint, or null for any other error. */
export function violatedUniqueConstraint(error: unknown): string | null {
  return violatedConstraint(error, '23505');
}

/** The name of the violated foreign key, or null for any other error. */
export function violatedForeignKey(error: unknown): string | null {
  return violatedConstraint(error, '23503');
}

function violatedConstraint(error: unknown, code: string): string | null {
  const cause = driverError(error);
  if (codeOf(error) !== code) return null;
  return typeof cause === 'object' && cause !== null && 'constraint' in cause
    ? String(cause.constraint)
    : null;
}

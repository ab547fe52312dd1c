import { DomainError } from './domain-error.js';

/**
 * What the log says of an error: the code of one of ours, or its message. Of the database's only the code (SQLSTATE), because
 * PostgreSQL's messages can quote a row.
 */
export function faultText(error: unknown): string {
  if (error instanceof DomainError) return error.code;
  const code = databaseCode(error);
  return code === null ? String(error) : `database error ${code}`;
}

/** The code of TypeORM's or node-postgres's error, whose message must not be logged; null for any other. */
export function databaseCode(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const cause = 'driverError' in error ? error.driverError : 'severity' in error ? error : null;
  const code = cause instanceof Error && 'code' in cause ? cause.code : null;
  return typeof code === 'string' ? code : null;
}

/** The stack without the message, which may have several lines. */
export function framesOf({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}

/**
 * A SQL comment that a statement begins with, so that each connection has it parsed and planned once. Only for statements that
 * are sent all the time, of which there are few texts, and for which PostgreSQL has one plan however large the tables are.
 */
export const PREPARED = '/* prepared */';

/** The comment of the query builder that becomes it. */
export const PREPARED_COMMENT = 'prepared';

/**
 * Numbers that are never given twice: a connection may still have the statements of names that were forgotten. The same text
 * has the same name on all connections.
 */
let last = 0;
const names = new Map<string, string>();

/** @returns null for a text that is sent as it is. */
export function preparedName(text: unknown): string | null {
  if (typeof text !== 'string' || !text.startsWith(PREPARED)) return null;
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = `prepared_${++last}`));
  return name;
}

/** PostgreSQL prepares no statement again whose columns are others since a migration, so it has to get another name. */
export function forgetPrepared(): void {
  names.clear();
}

import { CommandFailed } from '../command-failed.js';

/** The fields of a row, in the order in which they are exported, and their columns. */
export const COLUMNS = {
  email: 'user_email',
  name: 'name',
  platformType: 'platform_type',
  instanceUrl: 'instance_url',
  username: 'username',
  accessToken: 'access_token',
  clientKey: 'client_key',
  clientSecret: 'client_secret',
  isActive: 'is_active',
  isDefault: 'is_default',
  labels: 'labels',
  externalId: 'external_id',
} as const;
export type Field = keyof typeof COLUMNS;
export const FIELDS = Object.keys(COLUMNS) as Field[];

export const REQUIRED: readonly Field[] = ['email', 'name', 'platformType', 'instanceUrl', 'accessToken'];

/** Columns of the Python original that mean nothing here: ids and times of another installation. */
const IGNORED = ['id', 'user_id', 'created_at', 'updated_at', 'last_used'];

const COLUMN_NAMES: ReadonlySet<string> = new Set<string>([...Object.values(COLUMNS), ...IGNORED]);
const MAX_SHOWN_CHARACTERS = 40;

export function isColumn(name: string): boolean {
  return COLUMN_NAMES.has(name);
}

/**
 * The names of the columns, in lower case. A column that is not known may be a misspelt one, whose values would be lost.
 *
 * @throws {CommandFailed}
 */
export function checkedHeader(header: readonly string[]): string[] {
  const names = header.map((name) => name.trim().toLowerCase());
  const problems = [
    ...names.filter((name) => !isColumn(name)).map((name) => `${shown(name)} is no column`),
    ...names
      .filter((name, index) => names.indexOf(name) !== index)
      .map((name) => `${shown(name)} is there twice`),
    ...REQUIRED.map((field) => COLUMNS[field])
      .filter((column) => !names.includes(column))
      .map((column) => `${column} is missing`),
  ];
  if (problems.length > 0)
    throw new CommandFailed(
      `Line 1 must name the columns: ${problems.slice(0, 5).join('; ')}. There are: ${[...COLUMN_NAMES].join(', ')}.`,
    );
  return names;
}

/** Where the names are missing, the first line holds values, and a long one may be a credential. */
function shown(name: string): string {
  return name.length <= MAX_SHOWN_CHARACTERS && /^[a-z_]+$/.test(name) ? name : 'a field';
}

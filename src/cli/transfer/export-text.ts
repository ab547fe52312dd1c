import { stringify } from 'csv-stringify/sync';
import type { Labels } from '../../platforms/labels.js';
import type { ExportedConnection, PlatformExport } from '../../platforms/transfer/platform-export.js';
import type { UsersService } from '../../users/users.service.js';
import { COLUMNS, FIELDS, type Field } from './columns.js';

/** `json`: one object a line. */
export type ExportFormat = 'csv' | 'json';

export interface ExportedPage {
  readonly written: number;
  /** Ids of rows that are left out, because their credentials cannot be opened. */
  readonly unreadable: readonly number[];
}

const PAGE_ROWS = 500;

/** All connections as text that credentials:import reads, a page at a time. */
export async function* exportText(
  connections: PlatformExport,
  users: UsersService,
  format: ExportFormat,
  onPage: (page: ExportedPage) => void,
): AsyncGenerator<Buffer> {
  if (format === 'csv') yield Buffer.from(stringify([FIELDS.map((field) => COLUMNS[field])]));
  for (let afterId = 0; ;) {
    const page = await connections.page(afterId, PAGE_ROWS);
    const emails = await users.emailsOf([...new Set(page.map(({ userId }) => userId))]);
    const rows = page.flatMap((connection) => rowOf(connection, emails.get(connection.userId)));
    const unreadable = page.filter(({ credentials }) => credentials === null).map(({ id }) => id);
    if (rows.length > 0) yield Buffer.from(textOf(rows, format));
    onPage({ written: rows.length, unreadable });
    if (page.length < PAGE_ROWS) return;
    afterId = page.at(-1)?.id ?? 0;
  }
}

type Row = Readonly<Record<Field, string | boolean | Labels | null>>;

/** Nothing for a row that cannot be opened, or whose owner was deleted since it was read. */
function rowOf({ credentials, ...connection }: ExportedConnection, email: string | undefined): Row[] {
  if (credentials === null || email === undefined) return [];
  const { name, platformType, instanceUrl, username, isActive, isDefault, labels, externalId } = connection;
  const account = { email, name, platformType, instanceUrl, username };
  return [{ ...account, ...credentials, isActive, isDefault, labels, externalId }];
}

function textOf(rows: readonly Row[], format: ExportFormat): string {
  if (format === 'csv')
    return stringify(
      rows.map((row) => FIELDS.map((field) => row[field])),
      { cast: { boolean: String, object: (labels) => JSON.stringify(labels) } },
    );
  return rows
    .map(
      (row) => `${JSON.stringify(Object.fromEntries(FIELDS.map((field) => [COLUMNS[field], row[field]])))}\n`,
    )
    .join('');
}

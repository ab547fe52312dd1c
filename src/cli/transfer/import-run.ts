import type { FieldProblem } from '../../common/domain-error.js';
import type { ImportRow, LineProblem } from '../../platforms/transfer/import-plan.js';
import type {
  ImportAccounts,
  ImportOutcome,
  PlatformImport,
  Trial,
} from '../../platforms/transfer/platform-import.js';
import { COLUMNS, type Field } from './columns.js';
import type { ImportReader } from './import-reader.js';
import type { SourceRecord } from './source-record.js';

/** Rows of one transaction. Other writes of the same people wait for it, some tens of milliseconds. */
const BATCH_ROWS = 200;

export interface ImportTotals {
  imported: number;
  present: number;
  created: number;
  /** Lines, not problems. */
  failed: number;
}

/** Imports a file batch by batch, and reports each line that could not be imported, in the order of the file. */
export class ImportRun {
  readonly totals: ImportTotals = { imported: 0, present: 0, created: 0, failed: 0 };
  readonly #trial: Trial | null;

  constructor(
    private readonly reader: ImportReader,
    private readonly service: PlatformImport,
    private readonly accounts: ImportAccounts,
    private readonly report: (line: string) => void,
    isDryRun: boolean,
  ) {
    this.#trial = isDryRun ? new Map() : null;
  }

  async run(records: AsyncIterable<SourceRecord>): Promise<void> {
    let batch: SourceRecord[] = [];
    for await (const record of records) {
      batch.push(record);
      if (batch.length < BATCH_ROWS) continue;
      await this.#import(batch);
      batch = [];
    }
    await this.#import(batch);
  }

  async #import(batch: readonly SourceRecord[]): Promise<void> {
    const rows: ImportRow[] = [];
    const problems: LineProblem[] = [];
    for (const record of batch) {
      const read = this.reader.read(record);
      if ('fields' in read) rows.push(read);
      else problems.push(...read);
    }
    const outcome = rows.length === 0 ? null : await this.#write(rows);
    problems.push(...(outcome?.problems ?? []));
    problems.sort((a, b) => a.line - b.line);
    for (const problem of problems) this.report(`Line ${problem.line}: ${textOf(problem)}.`);
    this.totals.imported += outcome?.imported ?? 0;
    this.totals.present += outcome?.present ?? 0;
    this.totals.created += outcome?.created ?? 0;
    this.totals.failed += new Set(problems.map(({ line }) => line)).size;
  }

  #write(rows: readonly ImportRow[]): Promise<ImportOutcome> {
    return this.#trial === null
      ? this.service.write(rows, this.accounts)
      : this.service.attempt(rows, this.accounts, this.#trial);
  }
}

/** Names the column, never its value. */
function textOf({ pointer, detail }: FieldProblem): string {
  const column = COLUMNS[pointer.slice(1) as Field] as string | undefined;
  const text = detail.replace(/\.$/, '');
  return column === undefined ? text : `${column}: ${text}`;
}

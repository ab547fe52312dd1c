import { isUtf8 } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import { CommandFailed } from '../command-failed.js';
import { MAX_RECORD_BYTES, type SourceRecord } from './source-record.js';

const LINE_FEED = 0x0a;

/**
 * The records of a CSV file (RFC 4180) whose first line names the columns. Each line is one record, because no field of a
 * connection may hold a line break: so a quotation mark too many costs its line, and not the rest of the file.
 *
 * @param columnsOf checks the names of the columns.
 * @throws {CommandFailed} without a first line that can be read; otherwise what `columnsOf` throws.
 */
export async function* csvRecords(
  source: AsyncIterable<Buffer>,
  columnsOf: (header: readonly string[]) => readonly string[],
): AsyncGenerator<SourceRecord> {
  let columns: readonly string[] | null = null;
  let line = 0;
  for await (const bytes of linesOf(source)) {
    line++;
    const values = bytes === null ? `is longer than ${MAX_RECORD_BYTES} bytes` : valuesOf(bytes);
    if (columns === null) {
      if (typeof values === 'string') throw new CommandFailed(`Line 1, the names of the columns, ${values}.`);
      columns = columnsOf(values);
    } else if (typeof values === 'string') {
      yield { line, problem: values };
    } else if (values.length !== columns.length) {
      if (values.length > 0)
        yield { line, problem: `has ${values.length} fields where ${columns.length} columns are named` };
    } else {
      // CSV has no null: an empty field is one.
      const fields = columns.map((column, index) => [column, values[index] || null] as const);
      yield { line, fields: new Map(fields) };
    }
  }
  if (columns === null) throw new CommandFailed('The file is empty.');
}

/** Why the line cannot be read, in a text; no value for an empty line. */
function valuesOf(bytes: Buffer): string[] | string {
  if (!isUtf8(bytes)) return 'is not UTF-8';
  const text = bytes.toString().replace(/\r$/, '');
  try {
    const [values = []] = parse(text, { bom: true, record_delimiter: '\n', relax_column_count: true });
    return values;
  } catch {
    // The error would quote the text, which may be a credential.
    return 'has a quotation mark at a wrong place';
  }
}

/** Without their line feeds. Null for a line that is too long to be kept. */
async function* linesOf(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer | null> {
  let kept: Buffer[] = [];
  let keptBytes = 0;
  const keep = (bytes: Buffer): void => {
    keptBytes += bytes.length;
    if (keptBytes <= MAX_RECORD_BYTES) kept.push(bytes);
    else kept = [];
  };
  const line = (): Buffer | null => {
    const whole = keptBytes > MAX_RECORD_BYTES ? null : Buffer.concat(kept);
    [kept, keptBytes] = [[], 0];
    return whole;
  };
  for await (const part of source) {
    let from = 0;
    for (let end = part.indexOf(LINE_FEED); end !== -1; end = part.indexOf(LINE_FEED, from)) {
      keep(part.subarray(from, end));
      yield line();
      from = end + 1;
    }
    if (from < part.length) keep(part.subarray(from));
  }
  if (keptBytes > 0) yield line();
}

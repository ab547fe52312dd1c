import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Unsealable, isSealed, unsealed } from '../../crypto/sealed-stream.js';
import { CommandFailed } from '../command-failed.js';
import { checkedHeader } from './columns.js';
import { csvRecords } from './csv-records.js';
import { jsonRecords } from './json-records.js';
import { passphrase } from './passphrase.js';
import type { SourceRecord } from './source-record.js';

const HEAD_BYTES = 64;
const JSON_BEGINS = /^\uFEFF?\s*[{[]/;

export interface TransferFile {
  /** Of the file as it is stored. */
  readonly bytes: number;
  readonly records: AsyncIterable<SourceRecord>;
}

/**
 * A file of connections: CSV, JSON, or either sealed by credentials:export. Its first bytes say which. A sealed
 * one is first read to its end, so that nothing is imported of one that was changed or cut off.
 *
 * @param onRead hears how many bytes of the file were read.
 * @throws {CommandFailed}
 */
export async function openTransferFile(path: string, onRead: (bytes: number) => void): Promise<TransferFile> {
  const { bytes, head } = await beginningOf(path);
  const counted = countedBytes(path, onRead);
  if (!isSealed(head)) return { bytes, records: recordsOf(counted, head) };
  const secret = await passphrase();
  const text = await failing(
    firstOf(
      unsealed(
        countedBytes(path, () => undefined),
        secret,
      ),
    ),
  );
  return { bytes, records: recordsOf(unsealed(counted, secret), text) };
}

function recordsOf(source: AsyncIterable<Buffer>, head: Buffer): AsyncIterable<SourceRecord> {
  return JSON_BEGINS.test(head.toString()) ? jsonRecords(source) : csvRecords(source, checkedHeader);
}

async function beginningOf(path: string): Promise<{ bytes: number; head: Buffer }> {
  try {
    const file = await open(path);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new CommandFailed(`${path} is no file.`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      return { bytes: stat.size, head: buffer.subarray(0, bytesRead) };
    } finally {
      await file.close();
    }
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new CommandFailed(`${path} cannot be read (${code}).`, { cause: error });
  }
}

async function* countedBytes(path: string, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const part of createReadStream(path) as AsyncIterable<Buffer>) {
    onRead(part.length);
    yield part;
  }
}

/** The beginning, after the whole was read. */
async function firstOf(source: AsyncIterable<Buffer>): Promise<Buffer> {
  let first: Buffer | null = null;
  for await (const part of source) first ??= Buffer.from(part.subarray(0, HEAD_BYTES));
  return first ?? Buffer.alloc(0);
}

async function failing<T>(reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Unsealable) throw new CommandFailed(error.message, { cause: error });
    throw error;
  }
}

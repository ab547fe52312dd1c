import { isUtf8 } from 'node:buffer';
import { CommandFailed } from '../command-failed.js';
import { MAX_RECORD_BYTES, type SourceRecord } from './source-record.js';

const [QUOTE, BACKSLASH, OPEN, CLOSE, BEGIN, END, LINE_FEED] = Buffer.from('"\\{}[]\n');
const BETWEEN = new Set([...Buffer.from(' \t\r\n,'), 0xef, 0xbb, 0xbf]);

/**
 * The objects of a file: one after the other, each in a line or not, or in one array. Only where they begin and end is
 * found here, so that a wrong one costs no other, and none is kept in memory longer than its turn.
 *
 * @throws {CommandFailed} for what is no list of objects.
 */
export async function* jsonRecords(source: AsyncIterable<Buffer>): AsyncGenerator<SourceRecord> {
  const scanner = new Scanner();
  for await (const part of source) yield* scanner.scan(part);
  yield* scanner.end();
}

class Scanner {
  #line = 1;
  #array: 'none' | 'open' | 'closed' = 'none';
  /** Of objects in the current one; 0 between objects. */
  #depth = 0;
  #inText = false;
  #escaped = false;
  #startLine = 0;
  #kept: Buffer[] = [];
  #keptBytes = 0;

  *scan(part: Buffer): Generator<SourceRecord> {
    let from = 0;
    for (let at = 0; at < part.length; at++) {
      const byte = part[at];
      if (this.#depth === 0) {
        if (byte === OPEN) {
          [this.#depth, this.#startLine, from] = [1, this.#line, at];
        } else {
          this.#between(byte);
        }
      } else if (this.#step(byte)) {
        this.#keep(part.subarray(from, at + 1));
        yield this.#record();
      }
      if (byte === LINE_FEED) this.#line++;
    }
    if (this.#depth > 0) this.#keep(part.subarray(from));
  }

  *end(): Generator<SourceRecord> {
    if (this.#depth > 0)
      yield { line: this.#startLine, problem: 'the object has no end: the file is cut off' };
    else if (this.#array === 'open')
      yield { line: this.#line, problem: 'the list has no end: the file is cut off' };
  }

  #between(byte: number | undefined): void {
    if (byte === BEGIN && this.#array === 'none') this.#array = 'open';
    else if (byte === END && this.#array === 'open') this.#array = 'closed';
    else if (byte === undefined || !BETWEEN.has(byte))
      throw new CommandFailed(`Line ${this.#line}: an object was expected. Nothing from there on was read.`);
  }

  /** @returns whether the object ends with this byte. A text ends with its line at the latest: JSON escapes line feeds. */
  #step(byte: number | undefined): boolean {
    if (this.#inText) {
      if (byte === LINE_FEED) return true;
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inText = false;
      return false;
    }
    if (byte === QUOTE) this.#inText = true;
    else if (byte === OPEN) this.#depth++;
    else if (byte === CLOSE) this.#depth--;
    return this.#depth === 0;
  }

  #keep(bytes: Buffer): void {
    this.#keptBytes += bytes.length;
    if (this.#keptBytes <= MAX_RECORD_BYTES) this.#kept.push(bytes);
    else this.#kept = [];
  }

  #record(): SourceRecord {
    const [line, bytes, isTooLong] = [
      this.#startLine,
      Buffer.concat(this.#kept),
      this.#keptBytes > MAX_RECORD_BYTES,
    ];
    [this.#kept, this.#keptBytes, this.#depth, this.#inText, this.#escaped] = [[], 0, 0, false, false];
    if (isTooLong) return { line, problem: `is longer than ${MAX_RECORD_BYTES} bytes` };
    if (!isUtf8(bytes)) return { line, problem: 'is not UTF-8' };
    try {
      return { line, fields: new Map(Object.entries(JSON.parse(bytes.toString()) as object)) };
    } catch {
      // The error would quote the text, which may be a credential.
      return { line, problem: 'is not valid JSON' };
    }
  }
}

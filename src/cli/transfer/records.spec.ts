import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { checkedHeader } from './columns.js';
import { csvRecords } from './csv-records.js';
import { jsonRecords } from './json-records.js';
import { MAX_RECORD_BYTES, type SourceRecord } from './source-record.js';

const SECRET = 'the-secret-of-somebody';
/** Where a file is cut into parts is chance. */
const PART_BYTES = [1, 3, 65_536];

function inParts(text: string | Buffer, size: number): AsyncIterable<Buffer> {
  const bytes = Buffer.from(text);
  const count = Math.ceil(bytes.length / size);
  return Readable.from(
    Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  ) as AsyncIterable<Buffer>;
}

async function all(records: AsyncIterable<SourceRecord>): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const record of records)
    found.push(
      'fields' in record ? [record.line, Object.fromEntries(record.fields)] : [record.line, record.problem],
    );
  return found;
}

describe.each(PART_BYTES)('csvRecords, read in parts of %i bytes', (size) => {
  const read = (text: string | Buffer) => all(csvRecords(inParts(text, size), (header) => header));

  it('reads fields with and without quotation marks, and an empty one as null', async () => {
    expect(await read('\uFEFFa,b\r\n1,"x, ""y"""\r\n\r\n,é\n')).toEqual([
      [2, { a: '1', b: 'x, "y"' }],
      [4, { a: null, b: 'é' }],
    ]);
  });

  it('loses no other line to a wrong one, and quotes nothing of it', async () => {
    const latin1 = Buffer.concat([
      Buffer.from('a,b\n'),
      Buffer.from('caf\u00e9,2\n', 'latin1'),
      Buffer.from('3,4'),
    ]);
    expect(await read(latin1)).toEqual([
      [2, 'is not UTF-8'],
      [3, { a: '3', b: '4' }],
    ]);
    const text = `a,b\n"${SECRET}"x,2\n"${SECRET},2\n1"2,3\n1,2,3\n${'x'.repeat(MAX_RECORD_BYTES + 1)}\n5,6\n`;
    const records = await read(text);
    expect(records).toEqual([
      [2, 'has a quotation mark at a wrong place'],
      [3, 'has a quotation mark at a wrong place'],
      [4, 'has a quotation mark at a wrong place'],
      [5, 'has 3 fields where 2 columns are named'],
      [6, `is longer than ${MAX_RECORD_BYTES} bytes`],
      [7, { a: '5', b: '6' }],
    ]);
  });
});

describe('the first line of a CSV file', () => {
  it('must name the columns that are needed, and no others; values in its place are not quoted', () => {
    const needed = ['user_email', 'name', 'platform_type', 'instance_url', 'access_token'];
    expect(checkedHeader([...needed, ' Client_Key', 'id', 'user_id'])).toContain('client_key');
    expect(() => checkedHeader([...needed, 'client_sceret'])).toThrow('client_sceret is no column');
    expect(() => checkedHeader([...needed, 'name'])).toThrow('name is there twice');
    expect(() => checkedHeader(needed.slice(1))).toThrow('user_email is missing');
    expect(() => checkedHeader(['ada@example.org', SECRET])).toThrow(
      /^(?!.*the-secret).*a field is no column/,
    );
  });

  it('must be there', async () => {
    await expect(all(csvRecords(inParts('', 10), (header) => header))).rejects.toThrow('The file is empty.');
  });
});

describe.each(PART_BYTES)('jsonRecords, read in parts of %i bytes', (size) => {
  const read = (text: string | Buffer) => all(jsonRecords(inParts(text, size)));

  it.each([
    ['objects in lines', '{"a":1}\n{"a":"}{\\"\\\\"}\n', [1, 2]],
    ['an array in one line', '[{"a":1},{"a":"}{\\"\\\\"}]', [1, 1]],
    ['a written array', '[\n  {\n    "a": 1\n  },\n  {\n    "a": "}{\\"\\\\"\n  }\n]\n', [2, 5]],
  ])('reads %s', async (_, text, [first, second]) => {
    expect(await read(text)).toEqual([
      [first, { a: 1 }],
      [second, { a: '}{"\\' }],
    ]);
  });

  it('loses no other line to a wrong one, and quotes nothing of it', async () => {
    const text = `{"a":"${SECRET}}\n{"a":${SECRET}}\n{"a":"${'x'.repeat(MAX_RECORD_BYTES)}"}\n{"a":{"b":2}}\n{"a":"${SECRET}"`;
    expect(await read(text)).toEqual([
      [1, 'is not valid JSON'],
      [2, 'is not valid JSON'],
      [3, `is longer than ${MAX_RECORD_BYTES} bytes`],
      [4, { a: { b: 2 } }],
      [5, 'the object has no end: the file is cut off'],
    ]);
    expect(await read('[{"a":1},\n')).toEqual([
      [1, { a: 1 }],
      [2, 'the list has no end: the file is cut off'],
    ]);
    expect(await read(Buffer.from('{"a":"caf\u00e9"}\n', 'latin1'))).toEqual([[1, 'is not UTF-8']]);
  });

  it.each(['{"a":1}\nuser,password\n', '[[{"a":1}]]', '[{"a":1}]]'])('refuses %j', async (text) => {
    await expect(read(text)).rejects.toThrow(/^Line [12]: an object was expected/);
  });
});

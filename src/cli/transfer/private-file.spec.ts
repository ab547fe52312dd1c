import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { writePrivately } from './private-file.js';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'private-file-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function* parts(failure?: Error): AsyncGenerator<Buffer> {
  yield Buffer.from('one, ');
  if (failure !== undefined) throw failure;
  yield Buffer.from('two');
}

it('writes a file that only its owner may read, and overwrites none', async () => {
  const path = join(folder, 'file');
  await writePrivately(path, parts());
  expect(readFileSync(path, 'utf8')).toBe('one, two');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await expect(writePrivately(path, parts(new Error()))).rejects.toThrow(
    'exists already. It was left alone.',
  );
  expect(readFileSync(path, 'utf8')).toBe('one, two');
  await expect(writePrivately(join(folder, 'no', 'file'), parts())).rejects.toThrow(
    'cannot be created (ENOENT)',
  );
});

it('leaves no part of a file', async () => {
  const path = join(folder, 'part');
  await expect(writePrivately(path, parts(new Error('the database has gone')))).rejects.toThrow('has gone');
  expect(existsSync(path)).toBe(false);
});

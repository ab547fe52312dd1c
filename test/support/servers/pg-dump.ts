import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { postgresBinaries } from './binaries.js';

const run = promisify(execFile);
const MAX_BYTES = 256 * 1024 * 1024;

/** A dump as text; null where the server is there without pg_dump. */
export function pgDump(databaseUrl: string): Promise<string | null> {
  return pgTool('pg_dump', databaseUrl);
}

/** A dump as an operator takes it. */
export async function backUp(databaseUrl: string, file: string): Promise<void> {
  const done = await pgTool('pg_dump', '--format=custom', '--file', file, databaseUrl);
  if (done === null) throw new Error('There is no pg_dump beside the server.');
}

/** @param databaseUrl of an empty database. */
export async function restore(databaseUrl: string, file: string): Promise<void> {
  const done = await pgTool('pg_restore', '--exit-on-error', '--no-owner', '--dbname', databaseUrl, file);
  if (done === null) throw new Error('There is pg_dump, but no pg_restore.');
}

/** What a client program of the server printed; null where the server is there without it. */
async function pgTool(name: string, ...args: readonly string[]): Promise<string | null> {
  const { postgres } = await postgresBinaries();
  const options = { maxBuffer: MAX_BYTES, env: { PATH: process.env.PATH ?? '' } };
  return run(join(dirname(postgres), name), args, options).then(
    ({ stdout }) => stdout,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    },
  );
}

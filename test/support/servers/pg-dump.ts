import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { postgresBinaries } from './binaries.js';

const run = promisify(execFile);
const MAX_BYTES = 256 * 1024 * 1024;

/** A dump as an operator takes it; null where the server is there without pg_dump. */
export async function pgDump(databaseUrl: string): Promise<string | null> {
  const { postgres } = await postgresBinaries();
  const options = { maxBuffer: MAX_BYTES, env: { PATH: process.env.PATH ?? '' } };
  return run(join(dirname(postgres), 'pg_dump'), [databaseUrl], options).then(
    ({ stdout }) => stdout,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    },
  );
}

import { open, unlink } from 'node:fs/promises';
import { CommandFailed } from '../command-failed.js';

/**
 * Writes a new file that only its owner may read. What could not be written to its end is removed.
 *
 * @throws {CommandFailed} when the file exists or cannot be created.
 */
export async function writePrivately(path: string, source: AsyncIterable<Buffer>): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw new CommandFailed(
      error.code === 'EEXIST'
        ? `${path} exists already. It was left alone.`
        : `${path} cannot be created (${error.code ?? 'unknown error'}).`,
      { cause: error },
    );
  });
  try {
    for await (const part of source) await file.writeFile(part);
    await file.sync();
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await file.close();
  }
}

import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Reads the secret `name` from the folder `dataDir`, or generates and keeps it (file mode 0600), so that a restart can
 * still decrypt.
 *
 * The file appears complete or not at all: it is written under another name and then linked. If two processes start at
 * once, the second one to link fails and reads the first one's secret.
 */
export function developmentSecret(dataDir: string, name: string, generate: () => string): string {
  const path = join(dataDir, name);
  const existing = readIfPresent(path);
  if (existing !== undefined) return existing;

  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, generate(), { mode: 0o600 });
  try {
    linkSync(draft, path);
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(draft, { force: true });
  }
  return readFileSync(path, 'utf8');
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  // Not `instanceof Error`: in Jest, Node's own errors come from another realm.
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code;
}

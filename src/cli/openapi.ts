import { readFile, writeFile } from 'node:fs/promises';
import { createOpenApiDocument } from '../app.setup.js';
import { loadConfig } from '../config/load-config.js';
import { problemsDocument } from '../http/problem-pages.js';

// The document does not depend on these values. Without them, loadConfig would generate development secrets.
const config = loadConfig({
  NODE_ENV: 'test',
  JWT_SECRET: 'x'.repeat(32),
  PLATFORM_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
});

const FILES: Readonly<Record<string, string>> = {
  'openapi.json': `${JSON.stringify(await createOpenApiDocument(config), null, 2)}\n`,
  'docs/problems.md': problemsDocument(),
};

for (const [file, current] of Object.entries(FILES)) {
  if (!process.argv.includes('--check')) {
    await writeFile(file, current);
    continue;
  }
  const committed = await readFile(file, 'utf8').catch(() => '');
  const line = firstDifference(committed, current);
  if (line !== null) {
    process.stderr.write(
      `${file} differs from the code, from line ${line} on. Run "npm run openapi" and commit the file.\n`,
    );
    process.exitCode = 1;
  }
}

/** Number of the first line that differs, counted from 1. Null if none differs. */
function firstDifference(committed: string, current: string): number | null {
  if (committed === current) return null;
  const lines = committed.split('\n');
  return current.split('\n').findIndex((line, index) => line !== lines[index]) + 1 || lines.length;
}

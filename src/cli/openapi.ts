import { readFile, writeFile } from 'node:fs/promises';
import { createOpenApiDocument } from '../app.setup.js';
import { loadConfig } from '../config/load-config.js';

const FILE = 'openapi.json';

// The document depends on none of these; without them development secrets would be made.
const config = loadConfig({
  NODE_ENV: 'test',
  JWT_SECRET: 'x'.repeat(32),
  PLATFORM_ENCRYPTION_KEY: `${'A'.repeat(43)}=`,
});

const current = `${JSON.stringify(await createOpenApiDocument(config), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  await writeFile(FILE, current);
} else {
  const committed = await readFile(FILE, 'utf8').catch(() => '');
  const line = firstDifference(committed, current);
  if (line !== null) {
    process.stderr.write(
      `${FILE} is not what the code produces, from line ${line} on. Run "npm run openapi" and commit the file.\n`,
    );
    process.exitCode = 1;
  }
}

/** Number of the first line that differs, from 1; null when none does. */
function firstDifference(committed: string, current: string): number | null {
  if (committed === current) return null;
  const lines = committed.split('\n');
  return current.split('\n').findIndex((line, index) => line !== lines[index]) + 1 || lines.length;
}

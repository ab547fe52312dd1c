import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { TABLE, versionOf } from './table.mjs';

// npm run test:compat -- [--write] [text]: runs the specs of each row whose server or mode has the text, one row after the
// other, and prints what ran. --write keeps the rows that ran in docs/compatibility.md. The exit code is 1 when a test
// failed or no row ran.

const DOCUMENT = join(import.meta.dirname, '../../docs/compatibility.md');
const [START, END] = ['<!-- rows -->', '<!-- end of rows -->'];
const HEAD = ['server', 'version', 'mode', 'passed', 'failed', 'skipped', 'seconds'];

const given = process.argv.slice(2);
const wanted = given
  .filter((argument) => !argument.startsWith('--'))
  .join(' ')
  .toLowerCase();
const rows = TABLE.filter(({ server, mode }) => `${server} ${mode}`.toLowerCase().includes(wanted));
if (rows.length === 0) throw new Error(`No row of test/compat/table.mjs has "${wanted}"`);

function run({ server, mode, find, specs, env }) {
  const program = find();
  const missing = program === null ? [] : specs.filter((spec) => !existsSync(spec));
  if (program === null || missing.length > 0) {
    const why = program === null ? 'not on this machine' : `no ${missing.join(', ')}`;
    return { server, mode, ran: false, cells: [why, '', '', '', ''] };
  }
  const folder = mkdtempSync(join(tmpdir(), 'test-compat-'));
  try {
    const report = join(folder, 'report.json');
    const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js'];
    const started = performance.now();
    spawnSync(process.execPath, [...jest, '-w', '1', '--json', '--outputFile', report, ...specs], {
      env: { ...process.env, ...env(program) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const seconds = Math.round((performance.now() - started) / 1000);
    // Without a report nothing is known to have passed.
    const counts = existsSync(report)
      ? JSON.parse(readFileSync(report, 'utf8'))
      : { numRuntimeErrorTestSuites: 1 };
    const { numPassedTests: passed = 0, numFailedTests = 0, numRuntimeErrorTestSuites = 0 } = counts;
    // A row of which nothing passed has shown nothing.
    const failed = Math.max(numFailedTests + numRuntimeErrorTestSuites, passed === 0 ? 1 : 0);
    const cells = [versionOf(program), passed, failed, counts.numPendingTests ?? 0, seconds].map(String);
    return { server, mode, ran: true, passed, failed, cells };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const line = (cells) => `| ${cells.join(' | ')} |`;
const nameOf = (server, mode) => `| ${server} | ${mode} |`;
const lineOf = ({ server, mode, cells: [version, ...counts] }) => line([server, version, mode, ...counts]);

console.log(line(HEAD));
const results = [];
for (const row of rows) {
  const result = run(row);
  results.push(result);
  console.log(lineOf(result));
}
if (given.includes('--write')) keep(results);
const ran = results.filter((result) => result.ran);
const sum = (name) => ran.reduce((total, result) => total + result[name], 0);
console.log(`${ran.length} of ${results.length} rows ran: ${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || ran.length === 0 ? 1 : 0;

/** The rows that did not run now stay as they were. */
function keep(all) {
  const text = readFileSync(DOCUMENT, 'utf8');
  const [before, rest] = text.split(START);
  const [kept, after] = rest.split(END);
  const old = new Map(
    kept
      .split('\n')
      .map((row) => row.split('|').map((cell) => cell.trim()))
      .filter((cells) => cells.length === HEAD.length + 2)
      .map((cells) => [nameOf(cells[1], cells[3]), line(cells.slice(1, -1))]),
  );
  for (const result of all) {
    const name = nameOf(result.server, result.mode);
    if (result.ran || !old.has(name)) old.set(name, lineOf(result));
  }
  const rowsNow = TABLE.map(
    ({ server, mode }) =>
      old.get(nameOf(server, mode)) ?? line([server, 'did not run', mode, '', '', '', '']),
  );
  const table = [line(HEAD), line(HEAD.map(() => '---')), ...rowsNow].join('\n');
  writeFileSync(DOCUMENT, `${before}${START}\n\n${table}\n\n${END}${after}`);
  spawnSync('npx', ['prettier', '--write', DOCUMENT], { stdio: 'ignore' });
}

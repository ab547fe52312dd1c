import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil, within } from '../barrier.js';
import { type ApiProcess, startApi } from './api-process.js';

describe('startApi', () => {
  let folder: string;
  let api: ApiProcess | undefined;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'test-api-'));
  });
  afterEach(() => api?.kill());
  afterAll(() => rm(folder, { recursive: true }));

  async function entry(name: string, lines: string[]): Promise<string> {
    const file = join(folder, `${name}.mjs`);
    await writeFile(file, lines.join('\n'));
    return file;
  }

  function server(...lines: string[]): Promise<string> {
    return entry('server', [
      "import { createServer } from 'node:http';",
      'const server = createServer((_, response) => response.end(JSON.stringify(process.env)));',
      'server.listen(Number(process.env.PORT), process.env.HOST);',
      ...lines,
    ]);
  }

  it('rejects at once with the output when the process exits', async () => {
    const file = await entry('exits', [
      "console.log('said'); console.error('SECRET is missing'); process.exitCode = 3;",
    ]);
    const startedAt = performance.now();
    await expect(startApi({ env: {}, entry: file })).rejects.toThrow(
      /code 3[^]*said[^]*SECRET is missing|code 3[^]*SECRET is missing[^]*said/,
    );
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  it('gives the process its environment and nothing else', async () => {
    process.env.LEAKED_FROM_JEST = 'yes';
    api = await startApi({ env: { GIVEN: 'value' }, entry: await server() });
    const seen = (await (await fetch(`${api.baseUrl}/env`)).json()) as Record<string, string>;
    delete process.env.LEAKED_FROM_JEST;
    expect(Object.keys(seen).sort()).toEqual(['GIVEN', 'HOME', 'HOST', 'PATH', 'PORT']);
    expect(seen).toMatchObject({ GIVEN: 'value', HOST: '127.0.0.1', PORT: String(api.port) });
  });

  it('returns the exit code of a process that ends on SIGTERM', async () => {
    const file = await server("process.on('SIGTERM', () => { console.log('bye'); process.exit(7); });");
    api = await startApi({ env: {}, entry: file });
    expect(await api.stop()).toBe(7);
    expect(await api.exited).toBe(7);
    expect(api.output).toEqual(['bye']);
  });

  it('kills a process that ignores SIGTERM, and one that is frozen', async () => {
    const file = await server("process.on('SIGTERM', () => console.log('no'));");
    api = await startApi({ env: {}, entry: file });
    expect(await api.stop(200)).toBeNull();
    api = await startApi({ env: {}, entry: file });
    await api.freeze();
    await api.kill();
    expect(await api.exited).toBeNull();
  });
});

describe('the reaper', () => {
  // A process of its own that keeps a grandchild-like server and a folder, and is then killed.
  it('ends the processes and removes the folders of an owner that was killed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'test-reaped-'));
    const program = join(dirname(fileURLToPath(import.meta.url)), 'reaper-process.mjs');
    const victim = spawn('sleep', ['60'], { stdio: 'ignore' });
    const ended = once(victim, 'exit');
    const owner = spawn(process.execPath, [
      '-e',
      "const r = require('child_process').spawn(process.execPath, [process.argv[1]], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });" +
        "r.stdin.write(process.argv.slice(2).map((item) => '+' + item + '\\n').join(''), () => console.log('kept'));",
      program,
      String(victim.pid),
      folder,
    ]);
    await once(owner.stdout, 'data');
    owner.kill('SIGKILL');
    await within(ended, 10_000, () => new Error('the process was left behind'));
    await waitUntil(() => !existsSync(folder), { timeoutMs: 10_000, what: 'the folder to be removed' });
  });
});

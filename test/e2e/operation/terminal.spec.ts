import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';

let backends: Backends;

beforeAll(async () => {
  backends = await Backends.create();
});
afterAll(() => backends.remove());

it('writes lines of text, in colours, to a terminal', async () => {
  // `script` of util-linux runs it at a pseudo terminal; without it the log is JSON, as all other tests read it.
  const { PATH } = process.env;
  const child = spawn('script', ['-qec', `exec '${process.execPath}' dist/main.js`, '/dev/null'], {
    env: { ...backends.env(), PATH, TERM: 'xterm-256color', LOG_LEVEL: 'info', PORT: '0' },
    timeout: 60_000,
    killSignal: 'SIGKILL',
  });
  const ended = once(child, 'close');
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    // Control-C, as a developer would end it.
    if (/Console .*\r\n[^]*\r\n\r\n/.test(output) && !child.stdin.writableEnded) child.stdin.end('\u0003');
  }
  expect((await ended)[0]).toBe(0);
  const lines = output.split('\r\n').filter((line) => /\u001B\[32mINFO/.test(line)); // eslint-disable-line no-control-regex
  expect(lines.length).toBeGreaterThan(0);
  for (const line of lines) expect(line).toMatch(/^(\^C)?\[\d\d:\d\d:\d\d\.\d{3}\] /);
  expect(output).not.toContain('{"level"');
});

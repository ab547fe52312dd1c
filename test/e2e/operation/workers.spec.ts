import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { childrenOf, gone } from '../../support/servers/process-tree.js';

const WAIT = { timeoutMs: 60_000, intervalMs: 100 };
/** Longer than a process has to live to be replaced. */
const SETTLED_MS = 10_500;

let backends: Backends;
let setup: TestApp;
let api: ApiProcess;

beforeAll(async () => {
  backends = await Backends.create();
  setup = await startTestApp({ backends });
});
afterEach(() => api.kill());
afterAll(async () => {
  await setup.client.get('/health/ready');
  await setup.expectCleanRecord();
  await setup.app.close();
  await backends.remove();
});

/** Over a connection of its own. */
async function get(path: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(api.baseUrl + path, { headers: { connection: 'close' } });
  return { status: answer.status, text: await answer.text() };
}

async function metric(name: string): Promise<number> {
  const { text } = await get('/metrics');
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0);
}

async function startTwo(): Promise<readonly number[]> {
  api = await startApi({ env: { ...backends.env(), WORKERS: '2' } });
  const { output } = api;
  backends.logs.push(() => output);
  // Each of them adds one.
  const both = async () => (await metric('cache_breaker_state{state="closed"}')) === 2;
  await waitUntil(both, { ...WAIT, what: 'both processes to serve' });
  return childrenOf(api.pid);
}

describe('WORKERS=2', () => {
  it('is two processes behind one port: either tells the metrics of both, and one that ends is replaced', async () => {
    const [first = 0, second = 0] = await startTwo();
    const started = performance.now();
    const asked = 'http_request_duration_seconds_count{method="GET",route="/v1/platforms",status="401"}';
    for (let n = 0; n < 20; n++) expect((await get('/v1/platforms')).status).toBe(401);
    for (let n = 0; n < 4; n++) expect(await metric(asked)).toBe(20);
    expect((await get('/socket.io/?EIO=4&transport=polling')).status).toBe(400);

    await waitUntil(() => performance.now() - started > SETTLED_MS, { ...WAIT, what: 'them to be settled' });
    process.kill(first, 'SIGKILL');
    const replaced = () => childrenOf(api.pid).length === 2 && !childrenOf(api.pid).includes(first);
    await waitUntil(replaced, { ...WAIT, what: 'another process' });
    expect(childrenOf(api.pid)).toContain(second);
    expect((await get('/health/live')).status).toBe(200);

    // That would go on and on.
    const [young = 0] = childrenOf(api.pid).filter((pid) => pid !== second);
    process.kill(young, 'SIGKILL');
    expect(await api.exited).toBe(1);
    expect(api.output.join('\n')).toContain('It had just started, so the others are stopped.');
  });

  it('ends with 0 on SIGTERM, and leaves no process', async () => {
    const workers = await startTwo();
    expect(workers).toHaveLength(2);
    expect(await api.stop()).toBe(0);
    await gone(workers);
  });

  it('ends with its parent', async () => {
    const workers = await startTwo();
    process.kill(api.pid, 'SIGKILL');
    await gone(workers);
  });
});

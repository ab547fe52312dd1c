import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '../support/barrier.js';
import type { Deployment } from './deployment.js';
import { LoadGenerator, type Target } from './load.js';
import type { Section } from './report.js';

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
}

const WRITTEN = 'profile written';
const SECONDS = 6;
const TOP = 20;

/** Starts a profile on the first SIGWINCH and writes it on the second: what --cpu-prof does, without the start of the process. */
function profiled(file: string): Readonly<Record<string, string>> {
  const code = `
    import { writeFileSync } from 'node:fs';
    import { Session } from 'node:inspector';
    const session = new Session();
    session.connect();
    process.once('SIGWINCH', () => {
      session.post('Profiler.enable');
      session.post('Profiler.start');
      process.once('SIGWINCH', () => session.post('Profiler.stop', (error, { profile }) => {
        writeFileSync(${JSON.stringify(file)}, JSON.stringify(profile));
        process.stdout.write('${WRITTEN}\\n');
      }));
    });`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}

/** Where the time of a list hit and of a reveal goes: the functions with the most time of their own, under load. */
export async function profile(deployment: Deployment): Promise<Section> {
  const [user] = await deployment.addUsers(1);
  if (user === undefined) throw new Error('No user was added');
  const headers = { authorization: `Bearer ${user.token}` };
  const hit = await profileOf(deployment, 'a list hit', { path: '/v1/platforms', headers });
  const reveal = await profileOf(deployment, 'a reveal', {
    path: `/v1/platforms/${user.platformId}/credentials`,
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'To measure it' }),
  });
  return {
    measures: [],
    lines: [...hit.lines, ...reveal.lines],
    figures: { hit: hit.top, reveal: reveal.top },
  };
}

async function profileOf(
  deployment: Deployment,
  what: string,
  { path, ...request }: Omit<Target, 'url' | 'pid'> & { readonly path: string },
): Promise<{ readonly top: ReturnType<typeof selfTimes>; readonly lines: readonly string[] }> {
  const file = join(tmpdir(), `bench-${process.pid}.cpuprofile`);
  const api = await deployment.startApp(profiled(file));
  const load = { target: { ...request, url: `${api.baseUrl}${path}`, pid: api.pid }, connections: 32 };
  const generator = new LoadGenerator();
  try {
    await generator.round({ ...load, seconds: SECONDS / 2 });
    process.kill(api.pid, 'SIGWINCH');
    await generator.round({ ...load, seconds: SECONDS });
    process.kill(api.pid, 'SIGWINCH');
    const written = () => api.output.includes(WRITTEN);
    await waitUntil(written, { timeoutMs: 20_000, what: 'the profile to be written' });
    const top = selfTimes(JSON.parse(await readFile(file, 'utf8')) as CpuProfile);
    const lines = top.map(({ share, where }) => `${(share * 100).toFixed(1).padStart(5)} %  ${where}`);
    return { top, lines: [`Own time of ${what}:`, ...lines] };
  } finally {
    generator.stop();
    await rm(file, { force: true });
  }
}

/** Shares of the samples that are not idle. */
function selfTimes({ nodes, samples }: CpuProfile): { share: number; where: string }[] {
  const names = new Map(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const path = url.replace(/^.*\/(node_modules|dist)\//, '$1/').replace('node_modules/', '');
      return [id, `${functionName || '(anonymous)'}  ${path}${url === '' ? '' : `:${lineNumber + 1}`}`];
    }),
  );
  const counts = new Map<string, number>();
  for (const id of samples) {
    const name = names.get(id) ?? 'unknown';
    if (!name.startsWith('(idle)')) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const busy = [...counts.values()].reduce((sum, count) => sum + count, 0);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, TOP)
    .map(([where, count]) => ({ share: count / busy, where: where.trimEnd() }));
}

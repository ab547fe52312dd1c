import { type Action, planOf } from './plan.js';
import { type Outcome, simulate } from './run.js';

const HELP = 'npm run simulate -- [--seed N] [--seeds N] [--minutes M] [--cpu SECONDS] [--shrink SECONDS]';
/** The exit code, unlike that of an error. */
const VIOLATED = 3;
const MAX_LINES = 400;
const MAX_ACTIONS = 20;
/** Actions left out at once while a failing plan is made smaller, at first. */
const FIRST_CUT = 64;

interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly minutes: number;
  /** Of processor time, which a busy machine does not lengthen. */
  readonly cpuSeconds: number;
  /** How long a failing plan may be made smaller. */
  readonly shrinkSeconds: number;
}

function optionsOf(args: readonly string[]): Options {
  const given = new Map<string, number>();
  for (let index = 0; index < args.length; index += 2) {
    const [name = '', value = ''] = args.slice(index, index + 2);
    if (
      !['--seed', '--seeds', '--minutes', '--cpu', '--shrink'].includes(name) ||
      !/^\d+(\.\d+)?$/.test(value)
    )
      throw new Error(HELP);
    given.set(name, Number(value));
  }
  const seed = given.get('--seed');
  return {
    first: seed ?? 1,
    seeds: given.get('--seeds') ?? (seed === undefined ? Number.MAX_SAFE_INTEGER : 1),
    minutes: given.get('--minutes') ?? 1,
    cpuSeconds: given.get('--cpu') ?? Number.POSITIVE_INFINITY,
    shrinkSeconds: given.get('--shrink') ?? 60,
  };
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Leaves out what is not needed for the same property to fail. */
async function shrink(seed: number, plan: readonly Action[], until: number): Promise<readonly Action[]> {
  let smallest = plan;
  for (let cut = FIRST_CUT; cut >= 1; cut = Math.floor(cut / 2)) {
    for (let start = 0; start < smallest.length && Date.now() < until;) {
      const fewer = [...smallest.slice(0, start), ...smallest.slice(start + cut)];
      if ((await simulate(seed, fewer, new Set(), false)).violation !== null) smallest = fewer;
      else start += cut;
    }
  }
  return smallest;
}

// Such an error would end a process of the deployment.
process.on('unhandledRejection', (error) => {
  console.log(`seed unknown: an error that nobody handles: ${String(error)}`);
  process.exit(VIOLATED);
});

async function main(): Promise<void> {
  const { first, seeds, minutes, shrinkSeconds, ...options } = optionsOf(process.argv.slice(2));
  const began = Date.now();
  const until = began + minutes * 60_000;
  const totals = { runs: 0, virtualMs: 0, leaptMs: 0, events: 0 };
  const states = new Set<number>();
  const outcomes: Record<string, number> = {};
  const mayGoOn = (): boolean => Date.now() < until && cpuSeconds() < options.cpuSeconds;
  for (let seed = first; seed < first + seeds && mayGoOn(); seed++) {
    const plan = planOf(seed);
    const outcome: Outcome = await simulate(seed, plan, states, false);
    totals.runs++;
    totals.virtualMs += outcome.virtualMs;
    totals.leaptMs += outcome.leaptMs;
    totals.events += outcome.events;
    for (const [name, count] of Object.entries(outcome.outcomes))
      outcomes[name] = (outcomes[name] ?? 0) + count;
    if (outcome.violation === null) continue;
    const smallest = await shrink(seed, plan, Date.now() + shrinkSeconds * 1000);
    const { violation } = await simulate(seed, smallest, new Set(), true);
    console.log(`seed ${seed}, ${smallest.length} of ${plan.length} actions: ${violation?.property}`);
    for (const { at, kind, who, which, forMs } of smallest.slice(0, MAX_ACTIONS))
      console.log(
        `  at ${at} ms: ${kind} (${[who, which].map((part) => part.toFixed(3)).join(', ')}, ${forMs} ms)`,
      );
    console.log((violation?.timeline ?? []).slice(-MAX_LINES).join('\n'));
    process.exitCode = VIOLATED;
    break;
  }
  const { runs, virtualMs, leaptMs, events } = totals;
  const hours = (ms: number): string => (ms / 3_600_000).toFixed(2);
  console.log(
    `${runs} runs from seed ${first}, ${hours(virtualMs)} virtual hours (${hours(virtualMs - leaptMs)} of them event by event: ${events} events), ${states.size} different states, reads ${JSON.stringify(outcomes)}, ${((Date.now() - began) / 1000).toFixed(1)} s, ${cpuSeconds().toFixed(1)} s of processor time`,
  );
}

await main();

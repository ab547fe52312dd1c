import {
  CONSTANT,
  INTERCEPTOR,
  LISTS_CACHE_OFF,
  LISTS_HIT,
  LISTS_OTHER,
  LIST_HIT,
  LIST_OTHER,
} from './contestants.js';
import { cpuTime } from './cpu.js';
import { type Load, LoadGenerator, type Round as LoadRound, type Target } from './load.js';
import { type Section, count, printTable } from './report.js';
import { ratio, spread } from './statistics.js';

interface Round extends LoadRound {
  /** Microseconds of CPU for each answer. Steadier than the rate when other programs use the machine. */
  readonly cpuUs: number;
}

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
}

/** Requests per second and latency of all contestants, in interleaved rounds. */
export async function rates(targets: ReadonlyMap<string, Target>, plan: Plan): Promise<Section> {
  const rounds = await measure(targets, plan);
  const of = (name: string, figure: keyof Round): number[] =>
    (rounds.get(name) ?? []).map((round) => round[figure]);
  print(rounds);
  const rateTo = (other: string, hit = LIST_HIT) => ratio(of(hit, 'rate'), of(other, 'rate'));
  return {
    measures: [
      {
        what: 'list hit / constant route of the same framework',
        value: rateTo(CONSTANT),
        goal: { atLeast: 0.7 },
      },
      {
        what: "list hit, signed in / Nest's CacheInterceptor",
        value: rateTo(INTERCEPTOR),
        goal: { atLeast: 1.5 },
      },
      {
        what: 'lists of 32 users, hit / constant route of the same framework',
        value: rateTo(CONSTANT, LISTS_HIT),
      },
      {
        what: "lists of 32 users, hit / Nest's CacheInterceptor",
        value: rateTo(INTERCEPTOR, LISTS_HIT),
      },
      ...(rounds.has(LIST_OTHER)
        ? [
            { what: 'list hit / constant, other build', value: rateTo(CONSTANT, LIST_OTHER) },
            { what: 'list hit / other build', value: rateTo(LIST_OTHER) },
            {
              what: 'CPU of a list hit / other build',
              value: ratio(of(LIST_HIT, 'cpuUs'), of(LIST_OTHER, 'cpuUs')),
            },
            {
              what: 'CPU of lists of 32 users, hit / other build',
              value: ratio(of(LISTS_HIT, 'cpuUs'), of(LISTS_OTHER, 'cpuUs')),
            },
          ]
        : []),
      {
        what: 'lists of 32 users, hit / cache off',
        value: ratio(of(LISTS_HIT, 'rate'), of(LISTS_CACHE_OFF, 'rate')),
        goal: { atLeast: 5 },
      },
      {
        what: 'p99 of lists of 32 users, hit / cache off',
        value: ratio(of(LISTS_HIT, 'p99Ms'), of(LISTS_CACHE_OFF, 'p99Ms')),
        goal: { atMost: 0.2 },
      },
      {
        what: 'p50 of lists of 32 users, hit / cache off',
        value: ratio(of(LISTS_HIT, 'p50Ms'), of(LISTS_CACHE_OFF, 'p50Ms')),
      },
    ],
    lines: [],
    figures: Object.fromEntries(
      [...rounds.keys()].map((name) => [
        name,
        {
          rate: spread(of(name, 'rate')),
          cpuUs: spread(of(name, 'cpuUs')),
          p50Ms: spread(of(name, 'p50Ms')),
          p99Ms: spread(of(name, 'p99Ms')),
          errors: of(name, 'errors').reduce((sum, errors) => sum + errors, 0),
        },
      ]),
    ),
  };
}

async function measure(
  targets: ReadonlyMap<string, Target>,
  { rounds, seconds, warmUpSeconds, connections }: Plan,
): Promise<Map<string, Round[]>> {
  const generator = new LoadGenerator();
  const all = new Map<string, Round[]>([...targets.keys()].map((name) => [name, []]));
  try {
    for (const target of targets.values()) {
      await generator.round({ target, connections, seconds: warmUpSeconds });
    }
    for (let round = 0; round < rounds; round++) {
      for (const [name, target] of targets) {
        all.get(name)?.push(await measured(generator, { target, connections, seconds }));
      }
    }
    return all;
  } finally {
    generator.stop();
  }
}

async function measured(generator: LoadGenerator, load: Load): Promise<Round> {
  const { pid } = load.target;
  const before = cpuTime(pid);
  const round = await generator.round(load);
  return { ...round, cpuUs: (cpuTime(pid) - before) / round.requests };
}

function print(rounds: ReadonlyMap<string, readonly Round[]>): void {
  const rows = [...rounds].map(([name, all]) => {
    const rate = spread(all.map((round) => round.rate));
    const middle = (figure: 'p50Ms' | 'p99Ms' | 'cpuUs') => spread(all.map((round) => round[figure])).median;
    const errors = all.reduce((sum, round) => sum + round.errors, 0);
    const rateText = `${count(rate.median)} (${count(rate.lowest)}-${count(rate.highest)})`;
    const ms = [middle('p50Ms'), middle('p99Ms')].map((value) => value.toFixed(2));
    return [name, rateText, middle('cpuUs').toFixed(1), ...ms, String(errors)];
  });
  console.log('');
  printTable([['contestant', 'req/s (lowest-highest)', 'CPU us', 'p50 ms', 'p99 ms', 'errors'], ...rows]);
}

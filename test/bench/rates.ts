import {
  CONSTANT,
  INTERCEPTOR,
  LISTS_ALONE,
  LISTS_BY_KEY,
  LISTS_BY_KEY_OTHER,
  LISTS_CACHE_OFF,
  LISTS_HIT,
  LISTS_LIMITED,
  LISTS_LIMITED_OTHER,
  LISTS_MISS,
  LISTS_OTHER,
  LISTS_SELECT,
  LIST_HIT,
  LIST_OTHER,
  RAW_GET,
  REVEAL,
  REVEAL_OTHER,
} from './contestants.js';
import { cpuTime } from './cpu.js';
import { type Load, LoadGenerator, type Round as LoadRound, type Target } from './load.js';
import { type Goal, type Measure, type Section, count, printTable } from './report.js';
import { ratio, spread } from './statistics.js';

export interface Round extends LoadRound {
  /** Microseconds of CPU for each answer. Steadier than the rate when other programs use the machine. */
  readonly cpuUs: number;
}

export interface Plan {
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly connections: number;
}

/** The same requests to this build and to the one that `--against` names. */
const OTHERS = [
  [LIST_HIT, LIST_OTHER],
  [LISTS_HIT, LISTS_OTHER],
  [LISTS_LIMITED, LISTS_LIMITED_OTHER],
  [LISTS_BY_KEY, LISTS_BY_KEY_OTHER],
  [REVEAL, REVEAL_OTHER],
] as const;

/** Requests per second and latency of all contestants, in interleaved rounds. */
export async function rates(targets: ReadonlyMap<string, Target>, plan: Plan): Promise<Section> {
  const rounds = await measure(targets, plan);
  const of = (name: string, figure: keyof Round): number[] =>
    (rounds.get(name) ?? []).map((round) => round[figure]);
  printRounds(rounds);
  const compare = (what: string, figure: keyof Round, one: string, other: string, goal?: Goal): Measure[] =>
    rounds.has(one) && rounds.has(other)
      ? [{ what, value: ratio(of(one, figure), of(other, figure)), ...(goal && { goal }) }]
      : [];
  return {
    measures: [
      ...compare('list hit / constant route of the same framework', 'rate', LIST_HIT, CONSTANT, {
        atLeast: 0.7,
      }),
      ...compare("list hit, signed in / Nest's CacheInterceptor", 'rate', LIST_HIT, INTERCEPTOR, {
        atLeast: 1.5,
      }),
      ...compare(
        'lists of 32 users, hit / constant route of the same framework',
        'rate',
        LISTS_HIT,
        CONSTANT,
      ),
      ...compare('lists of 32 users, hit / Fastify with one Redis GET', 'rate', LISTS_HIT, RAW_GET, {
        atLeast: 0.92,
      }),
      ...compare('CPU of Fastify with one Redis GET / lists of 32 users, hit', 'cpuUs', RAW_GET, LISTS_HIT),
      ...compare("lists of 32 users, hit / Nest's CacheInterceptor", 'rate', LISTS_HIT, INTERCEPTOR),
      ...compare('lists of 32 users, with rate limits / without', 'rate', LISTS_LIMITED, LISTS_ALONE, {
        atLeast: 0.95,
      }),
      ...compare('CPU of lists of 32 users, without rate limits / with', 'cpuUs', LISTS_ALONE, LISTS_LIMITED),
      ...compare('lists of 32 users, API keys / access tokens', 'rate', LISTS_BY_KEY, LISTS_HIT, {
        atLeast: 0.9,
      }),
      ...compare('CPU of lists of 32 users, access tokens / API keys', 'cpuUs', LISTS_HIT, LISTS_BY_KEY),
      ...compare('lists of 32 users, miss / one bare SELECT', 'rate', LISTS_MISS, LISTS_SELECT, {
        atLeast: 0.7,
      }),
      ...compare('CPU of one bare SELECT / lists of 32 users, miss', 'cpuUs', LISTS_SELECT, LISTS_MISS),
      ...compare('reveal with its audit row / list hit', 'rate', REVEAL, LIST_HIT, { atLeast: 0.45 }),
      ...compare('CPU of a list hit / of a reveal', 'cpuUs', LIST_HIT, REVEAL),
      ...compare('list hit / constant, other build', 'rate', LIST_OTHER, CONSTANT),
      ...compare('list hit / other build', 'rate', LIST_HIT, LIST_OTHER),
      ...OTHERS.flatMap(([one, other]) => compare(`CPU, ${one} / other build`, 'cpuUs', one, other)),
      ...compare('lists of 32 users, hit / cache off', 'rate', LISTS_HIT, LISTS_CACHE_OFF, { atLeast: 5 }),
      ...compare('p99 of lists of 32 users, hit / cache off', 'p99Ms', LISTS_HIT, LISTS_CACHE_OFF, {
        atMost: 0.2,
      }),
      ...compare('p50 of lists of 32 users, hit / cache off', 'p50Ms', LISTS_HIT, LISTS_CACHE_OFF),
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

export async function measured(generator: LoadGenerator, load: Load): Promise<Round> {
  const { pid } = load.target;
  const before = cpuTime(pid);
  const round = await generator.round(load);
  return { ...round, cpuUs: (cpuTime(pid) - before) / round.requests };
}

export function printRounds(rounds: ReadonlyMap<string, readonly Round[]>): void {
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

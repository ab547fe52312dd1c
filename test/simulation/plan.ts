import { World } from './world.js';

/** What happens in a run, at a time. `who` and `which` are from 0 to 1, of what there is then. */
export interface Action {
  readonly at: number;
  readonly kind: ActionKind;
  readonly who: number;
  readonly which: number;
  readonly forMs: number;
}

const WORK = { 'read a list': 35, 'read one': 25, write: 25, warm: 3, sql: 4 } as const;
export const FAULTS = {
  'redis restarts empty': 2,
  'redis restarts with an older state': 3,
  'redis fails over': 8,
  'redis is flushed': 1,
  'redis evicts': 4,
  'redis refuses writes': 4,
  'redis is slow': 3,
  'redis is slow for all': 3,
  'redis is cut off': 3,
  'redis is cut off for all': 2,
  'redis connection is reset': 3,
  'postgres connections are killed': 3,
  'postgres is slow': 2,
  'much is changed by SQL': 2,
  'a writer is cut off from redis in a backlog': 3,
  'a change is locked by hand': 3,
  'a writer is alone with the database': 4,
  'process is killed': 3,
  'process is frozen': 3,
} as const;
export type FaultKind = keyof typeof FAULTS;
const QUIET = 'it is quiet';
type ActionKind = keyof typeof WORK | FaultKind | typeof QUIET;

export function isFault(kind: ActionKind): kind is FaultKind {
  return kind in FAULTS;
}

/** How long work and faults go on, before it is quiet for hours and after that. */
export const BUSY_MS = 12_000;
/** Where little happens, nothing else repairs what a fault has broken. */
const OPERATIONS = [20, 100, 250] as const;
/** What happens at the same time, to the same user, is where races are. */
const OPERATIONS_OF_A_BURST = 10;
/** Shorter and longer than the lives of entries, and than changes are kept. */
const QUIET_HOURS = [0.01, 0.5, 0.99, 1.01, 3, 8, 23.9, 24.1, 30] as const;

export function planOf(seed: number): Action[] {
  const world = new World(seed);
  const pick = (weights: Readonly<Record<string, number>>): ActionKind => {
    let left = world.random('plan') * Object.values(weights).reduce((a, b) => a + b);
    for (const [kind, weight] of Object.entries(weights)) if ((left -= weight) < 0) return kind as ActionKind;
    return 'write';
  };
  const faults = world.between(0, 10, 'plan');
  const operations = world.pick(OPERATIONS, 'plan');
  const bursts = Array.from({ length: operations / OPERATIONS_OF_A_BURST }, () => ({
    at: world.random('plan') * BUSY_MS,
    which: world.random('plan'),
    ms: 2 + world.random('plan') ** 3 * 200,
  }));
  const actions = Array.from({ length: operations + faults }, (_, index): Action => {
    const burst = world.pick(bursts, 'plan');
    const faulty = index < faults;
    const isApart = faulty && world.random('plan') < 0.5;
    const at = isApart ? world.random('plan') * BUSY_MS : burst.at + world.random('plan') * burst.ms;
    return {
      at: Math.round(10 * at) / 10,
      kind: pick(faulty ? FAULTS : WORK),
      who: world.random('plan'),
      which: faulty ? world.random('plan') : burst.which,
      forMs: Math.round(20 + world.random('plan') ** 2 * 8000),
    };
  });
  const forMs = world.pick(QUIET_HOURS, 'plan') * 3_600_000;
  const quiet: Action = { at: BUSY_MS / 2, kind: QUIET, who: 0, which: 0, forMs };
  return [...actions, quiet].sort((a, b) => a.at - b.at);
}

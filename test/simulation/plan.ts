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
  'redis is flushed': 1,
  'redis evicts': 4,
  'redis is slow': 3,
  'redis is cut off': 3,
  'redis connection is reset': 3,
  'postgres connections are killed': 3,
  'postgres is slow': 2,
  'process is killed': 3,
  'process is frozen': 3,
} as const;
type ActionKind = keyof typeof WORK | keyof typeof FAULTS;

/** How long work and faults go on. */
export const BUSY_MS = 12_000;
const OPERATIONS = 250;
/** What happens at the same time, to the same user, is where races are. */
const BURSTS = 25;

export function planOf(seed: number): Action[] {
  const world = new World(seed);
  const pick = (weights: Readonly<Record<string, number>>): ActionKind => {
    let left = world.random('plan') * Object.values(weights).reduce((a, b) => a + b);
    for (const [kind, weight] of Object.entries(weights)) if ((left -= weight) < 0) return kind as ActionKind;
    return 'write';
  };
  const faults = world.between(0, 10, 'plan');
  const bursts = Array.from({ length: BURSTS }, () => ({
    at: world.random('plan') * BUSY_MS,
    which: world.random('plan'),
    ms: 2 + world.random('plan') ** 3 * 200,
  }));
  const actions = Array.from({ length: OPERATIONS + faults }, (_, index): Action => {
    const burst = world.pick(bursts, 'plan');
    const isFault = index < faults;
    return {
      at: Math.round(10 * (burst.at + world.random('plan') * burst.ms)) / 10,
      kind: pick(isFault ? FAULTS : WORK),
      who: world.random('plan'),
      which: isFault ? world.random('plan') : burst.which,
      forMs: Math.round(20 + world.random('plan') ** 2 * 8000),
    };
  });
  return actions.sort((a, b) => a.at - b.at);
}

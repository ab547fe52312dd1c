export interface Step {
  /** From 0: the most popular. */
  readonly user: number;
  readonly writes: boolean;
}

const SEED = 1;

/** Requests of users whose share goes with 1/rank (Zipf, exponent 1); the same ones in every run. */
export function zipfian(users: number, requests: number, writeShare: number): Step[] {
  const random = mulberry32(SEED);
  const cumulated: number[] = [];
  let sum = 0;
  for (let rank = 1; rank <= users; rank++) cumulated.push((sum += 1 / rank));
  return Array.from({ length: requests }, () => {
    const point = random() * sum;
    return { user: firstBeyond(cumulated, point), writes: random() < writeShare };
  });
}

function firstBeyond(cumulated: readonly number[], point: number): number {
  let low = 0;
  let high = cumulated.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulated[middle] ?? 0) > point) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A small generator with a seed, which Math.random has not. @see Tommy Ettinger's mulberry32 */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

import { executionAsyncResource } from 'node:async_hooks';

const kept: object[] = [];

/**
 * Keeps one of the objects that `process.nextTick` makes, for as long as the process lives.
 *
 * V8 forgets what objects look like of which a full garbage collection finds none alive. `nextTick` then makes its objects by the
 * slow way for ever, since the code that makes them has seen two looks of the same kind: 240 ns a call instead of 50
 * (Node 20), and a request takes several. Measured: `docs/performance.md`.
 */
export function keepTickShape(): void {
  process.nextTick(() => kept.push(executionAsyncResource()));
}

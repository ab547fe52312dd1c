import { executionAsyncResource } from 'node:async_hooks';

const kept: object[] = [];

/**
 * Keeps one object that `process.nextTick` created alive for the life of the process.
 *
 * V8 drops an object's hidden class when a full garbage collection finds no such object alive. The next call then creates a
 * second hidden class for the same object, and `nextTick` stays on its slow path from then on: 390 ns a call instead of 120
 * (Node 24; on Node 20 it was 340 instead of 47). A request makes several calls. Measured in `docs/performance.md`.
 */
export function keepTickShape(): void {
  process.nextTick(() => kept.push(executionAsyncResource()));
}

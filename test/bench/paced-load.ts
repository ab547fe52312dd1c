import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Load, Round, Target } from './load.js';
import { percentiles } from './statistics.js';

/**
 * Sends requests evenly, whether or not earlier ones have been answered. autocannon's own rates are no such thing: it sends
 * what is due in a second at once, and then pauses.
 */
export async function paced({
  target,
  connections,
  seconds,
  rate,
}: Load & { readonly rate: number }): Promise<Round> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const durations: number[] = [];
  let errors = 0;
  const ask = async (): Promise<void> => {
    const sentAt = performance.now();
    for (let next: Target | undefined = target; next !== undefined; next = next.next)
      if (!(await isAnswered(next, agent))) errors++;
    durations.push(performance.now() - sentAt);
  };
  const started = performance.now();
  const asked: Promise<void>[] = [];
  while (asked.length < rate * seconds) {
    const waitMs = started + (asked.length * 1000) / rate - performance.now();
    // Timers know whole milliseconds: what is due within the next one goes now.
    if (waitMs >= 1) await sleep(Math.floor(waitMs));
    asked.push(ask());
  }
  await Promise.all(asked);
  const elapsedMs = performance.now() - started;
  agent.destroy();
  const requests = durations.length;
  return { requests, rate: (requests * 1000) / elapsedMs, ...percentiles(durations), errors };
}

function isAnswered({ url, method, headers = {}, body }: Target, agent: Agent): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request(url, { method: method ?? 'GET', agent, headers });
    outgoing.on('response', (answer) => {
      const { statusCode = 0 } = answer;
      answer.resume();
      answer.on('end', () => resolve(statusCode >= 200 && statusCode < 300));
      answer.on('error', () => resolve(false));
    });
    outgoing.on('error', () => resolve(false));
    outgoing.end(body);
  });
}

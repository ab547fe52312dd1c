import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../state/messages.js';
import { type Poll, poll } from './poll.js';

const EVERY_MS = 15_000;

export interface Polled<T> {
  /** The last one that came; null until one has. */
  readonly value: T | null;
  /** Why there is none, or none newer. */
  readonly error: string | null;
  readonly again: () => void;
}

/** For what no event tells of: loads it now, and again and again while somebody looks. Other inputs, another load. */
export function usePolled<T>(
  load: () => Promise<T>,
  inputs: readonly unknown[],
  everyMs = EVERY_MS,
): Polled<T> {
  const [last, setLast] = useState<Omit<Polled<T>, 'again'>>({ value: null, error: null });
  const polled = useRef<Poll | null>(null);

  useEffect(() => {
    let current = true;
    const begun = poll(
      async () => {
        try {
          const value = await load();
          if (current) setLast({ value, error: null });
        } catch (failure) {
          if (current) setLast(({ value }) => ({ value, error: messageOf(failure) }));
        }
      },
      () => everyMs,
    );
    polled.current = begun;
    return () => {
      current = false;
      begun.stop();
    };
  }, inputs);

  return { ...last, again: () => polled.current?.now() };
}

import { useEffect, useRef, useState } from 'preact/hooks';
import { messageOf } from '../state/messages.js';
import { type Poll, poll } from './poll.js';

const EVERY_MS = 15_000;

export interface Polled<T> {
  /** The last value loaded; null before the first. */
  readonly value: T | null;
  /** Why the last load failed; null if it succeeded. */
  readonly error: string | null;
  readonly again: () => void;
}

/** Polls data that has no events, while the page is visible. A change of `inputs` loads at once. */
export function usePolled<T>(
  load: () => Promise<T>,
  inputs: readonly unknown[],
  everyMs = EVERY_MS,
): Polled<T> {
  const [last, setLast] = useState<Omit<Polled<T>, 'again'>>({ value: null, error: null });
  const polled = useRef<Poll | null>(null);

  useEffect(() => {
    let isCurrent = true;
    const newPoll = poll(
      async () => {
        try {
          const value = await load();
          if (isCurrent) setLast({ value, error: null });
        } catch (failure) {
          if (isCurrent) setLast(({ value }) => ({ value, error: messageOf(failure) }));
        }
      },
      () => everyMs,
    );
    polled.current = newPoll;
    return () => {
      isCurrent = false;
      newPoll.stop();
    };
  }, inputs);

  return { ...last, again: () => polled.current?.now() };
}

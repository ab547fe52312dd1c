export interface Poll {
  /** Runs the task now, or again when it is running. */
  readonly now: () => void;
  readonly stop: () => void;
}

/**
 * Runs the task, which must not fail, again and again, `delayMs` after each end. While nobody looks at the page it rests.
 */
export function poll(task: () => Promise<void>, delayMs: () => number): Poll {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  let again = false;
  let stopped = false;

  async function run(): Promise<void> {
    clearTimeout(timer);
    if (running) {
      again = true;
      return;
    }
    if (stopped || document.hidden) return;
    running = true;
    try {
      await task();
    } finally {
      running = false;
    }
    if (again) {
      again = false;
      void run();
    } else if (!stopped) timer = setTimeout(now, delayMs());
  }
  const now = (): void => void run();

  document.addEventListener('visibilitychange', now);
  now();
  return {
    now,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', now);
    },
  };
}

export interface Poll {
  /** Runs the task now, or once more after the current run. */
  readonly now: () => void;
  readonly stop: () => void;
}

/**
 * Runs the task repeatedly, `delayMs` after each end. The task must not fail. Polling pauses while the page is hidden.
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

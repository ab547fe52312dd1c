import { signal } from '@preact/signals';
import { type Platform, Problem, api, ok } from '../api/client.js';
import { messageOf } from '../state/messages.js';
import { platforms, write } from '../state/platforms.js';
import { STATUS_LABELS } from '../ui/labels.js';

export type BulkAction = 'test' | 'enable' | 'disable' | 'delete' | 'revoke';

export interface Failure {
  readonly id: number;
  readonly name: string;
  readonly reason: string;
}

export interface Bulk {
  readonly action: BulkAction;
  readonly total: number;
  readonly done: number;
  readonly failures: readonly Failure[];
  /** Seconds until the server takes more; null if it does. */
  readonly waitSeconds: number | null;
  /** What can be enabled again. */
  readonly undo: readonly Platform[];
  /** What came of it; null while it runs. */
  readonly result: string | null;
}

const TOGETHER = 4;
const ENDED: Readonly<Record<BulkAction, string>> = {
  test: 'tested',
  enable: 'enabled',
  disable: 'disabled',
  delete: 'deleted',
  revoke: 'deleted',
};

/** What is being done with many connections, or was done last. */
export const bulk = signal<Bulk | null>(null);

let running = new AbortController();

/** Stops what runs. What has been done stays done. */
export function stopBulk(): void {
  running.abort();
}

export function dismissBulk(): void {
  stopBulk();
  bulk.value = null;
}

/** One after the other, a few at a time, as fast as the server allows. Goes on while other pages are shown. */
export async function runBulk(action: BulkAction, targets: readonly Platform[]): Promise<void> {
  stopBulk();
  const own = new AbortController();
  running = own;
  const hadDefault = targets.some(({ isDefault }) => isDefault);
  let now: Bulk = {
    action,
    total: targets.length,
    done: 0,
    failures: [],
    waitSeconds: null,
    undo: [],
    result: null,
  };
  const tell = (change: Partial<Bulk>): void => {
    now = { ...now, ...change };
    // A later one, or nobody: the list that this was about is gone.
    if (running === own && bulk.value !== null) bulk.value = now;
  };
  bulk.value = now;

  const queue = [...targets];
  while (queue.length > 0 && !own.signal.aborted) {
    const batch = queue.splice(0, TOGETHER);
    let waitSeconds = 0;
    await write(() =>
      Promise.all(
        batch.map(async (platform) => {
          try {
            const reason = await perform(action, platform);
            const { id, name } = platform;
            tell({
              done: now.done + 1,
              undo: action === 'disable' && platform.isActive ? [...now.undo, platform] : now.undo,
              failures: reason === null ? now.failures : [...now.failures, { id, name, reason }],
            });
          } catch (error) {
            if (error instanceof Problem && error.status === 429) {
              queue.unshift(platform);
              waitSeconds = Math.max(waitSeconds, error.retryAfterSeconds ?? 1);
              return;
            }
            const { id, name } = platform;
            tell({ done: now.done + 1, failures: [...now.failures, { id, name, reason: messageOf(error) }] });
          }
        }),
      ),
    );
    for (let left = waitSeconds; left > 0 && !own.signal.aborted; left -= 1) {
      tell({ waitSeconds: left });
      await second(own.signal);
    }
    tell({ waitSeconds: null });
  }
  tell({ result: resultOf(now, hadDefault) });
}

/** @returns why it did not go well; null if it did. */
async function perform(action: BulkAction, { id }: Platform): Promise<string | null> {
  const path = { id };
  switch (action) {
    case 'test': {
      const { outcome, detail } = await ok(api.POST('/v1/platforms/{id}/test', { params: { path } }));
      return outcome === 'connected' ? null : `${STATUS_LABELS[outcome]}. ${detail}`;
    }
    case 'enable':
    case 'disable': {
      const body = { isActive: action === 'enable' };
      await ok(api.PATCH('/v1/platforms/{id}', { params: { path }, body }));
      return null;
    }
    case 'delete':
    case 'revoke':
      await remove(id, action === 'revoke');
      return null;
  }
}

export async function remove(id: number, revoke: boolean): Promise<void> {
  const params = { path: { id }, query: { revoke } };
  try {
    await ok(api.DELETE('/v1/platforms/{id}', { params }));
  } catch (error) {
    // Already deleted elsewhere, which is the wanted result.
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
}

function resultOf({ action, total, done, failures }: Bulk, hadDefault: boolean): string {
  const failed = failures.length;
  const went = action === 'test' ? `${done - failed} of ${done} work.` : `${done - failed} ${ENDED[action]}.`;
  const rest = total - done;
  return [
    went,
    ...(action !== 'test' && failed > 0 ? [`${failed} could not be ${ENDED[action]}.`] : []),
    ...(rest > 0 ? [`Stopped: ${rest} left as they were.`] : []),
    ...(hadDefault && action !== 'test' && action !== 'enable' ? [defaultNow()] : []),
  ].join(' ');
}

/** Of the list as it was loaded after a change. */
export function defaultNow(): string {
  const next = platforms.value?.find(({ isDefault }) => isDefault);
  return next === undefined ? 'There is no default now.' : `“${next.name}” is the default now.`;
}

function second(stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 1000);
    stopped.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

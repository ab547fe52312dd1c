import { type BulkAction, bulk, dismissBulk, runBulk, stopBulk } from '../list/bulk.js';
import { hrefOf } from '../state/route.js';

const RUNNING: Readonly<Record<BulkAction, string>> = {
  test: 'Testing',
  enable: 'Enabling',
  disable: 'Disabling',
  delete: 'Deleting',
  revoke: 'Revoking and deleting',
};

/** How far what is done with many connections has come, and in the end what did not go well. */
export function BulkProgress() {
  const now = bulk.value;
  return (
    <div role="status" class="bulk">
      {now !== null && (
        <div class={`notice ${now.failures.length === 0 ? 'neutral' : 'waiting'}`}>
          {now.result === null ? (
            <>
              <p>
                {RUNNING[now.action]} {now.done} of {now.total}…
                {now.waitSeconds !== null &&
                  ` The server takes only so many a minute. It goes on in ${now.waitSeconds} s.`}
              </p>
              <progress aria-label="Progress" max={now.total} value={now.done} />
            </>
          ) : (
            <p>{now.result}</p>
          )}
          {now.failures.length > 0 && (
            <ul class="failures">
              {now.failures.map(({ id, name, reason }) => (
                <li key={id}>
                  <a href={hrefOf(`platforms/${id}`)}>{name}</a>: {reason}
                </li>
              ))}
            </ul>
          )}
          <div class="buttons">
            <button type="button" onClick={now.result === null ? stopBulk : dismissBulk}>
              {now.result === null ? 'Stop' : 'Close'}
            </button>
            {now.undo.length > 0 && now.result !== null && (
              <button type="button" onClick={() => void runBulk('enable', now.undo)}>
                Enable them again
              </button>
            )}
          </div>
        </div>
      )}
    </div>
  );
}

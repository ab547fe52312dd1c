import { useEffect, useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';
import { messageOf } from '../state/messages.js';
import { Select } from '../ui/fields.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { ACTION_WORDS, type AuditAction, type AuditEntry } from '../ui/words.js';
import { Entries } from './entries.js';

const PAGE_SIZE = 25;
const ALL = 'all';

interface Log {
  readonly entries: readonly AuditEntry[];
  readonly nextBefore: number | null;
}

export function ActivityLogPage() {
  const [action, setAction] = useState<string>(ALL);
  const [log, setLog] = useState<Log | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [attempt, setAttempt] = useState(0);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    const unwanted = new AbortController();
    setLog(null);
    setError(null);
    load(action, undefined, unwanted.signal).then(setLog, (failure: unknown) => {
      if (!unwanted.signal.aborted) setError(messageOf(failure));
    });
    return () => unwanted.abort();
  }, [action, attempt]);

  async function more({ entries, nextBefore }: Log): Promise<void> {
    if (busy || nextBefore === null) return;
    setBusy(true);
    setError(null);
    try {
      const next = await load(action, nextBefore);
      // The choice may have changed, and with it the log.
      setLog((now) => (now?.entries === entries ? { ...next, entries: [...entries, ...next.entries] } : now));
    } catch (failure) {
      setError(messageOf(failure));
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <PageTitle>Activity log</PageTitle>
      <p class="hint">
        What was done with your account: by you, your API keys, an operator or the server. Nobody can change
        it.
      </p>
      <div class="choices">
        <Select
          name="action"
          label="Show"
          value={action}
          options={{ [ALL]: 'Everything', ...ACTION_WORDS }}
          onChange={setAction}
        />
      </div>
      <Loaded polled={{ value: log, error, again: () => setAttempt(attempt + 1) }} what="the activity log">
        {(shown) =>
          shown.entries.length === 0 ? (
            <Empty title="Nothing of this kind has happened yet.">
              <p>Choose “Everything” to see all that was done with your account.</p>
            </Empty>
          ) : (
            <>
              <Entries entries={shown.entries} />
              {shown.nextBefore !== null && (
                <div class="buttons">
                  <button type="button" aria-disabled={busy} onClick={() => void more(shown)}>
                    {busy ? 'One moment…' : 'Show older entries'}
                  </button>
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </>
  );
}

async function load(action: string, before?: number, signal?: AbortSignal): Promise<Log> {
  const query = {
    pageSize: PAGE_SIZE,
    ...(action !== ALL && { action: action as AuditAction }),
    ...(before !== undefined && { before }),
  };
  const call = api.GET('/v1/audit', { params: { query }, ...(signal !== undefined && { signal }) });
  // As lines only for those who accept them.
  return (await ok(call)) as Log;
}

import { useState } from 'preact/hooks';
import { type CheckRun, type Platform, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { STATUS_LABELS, toneOf } from '../ui/labels.js';
import { Loaded } from '../ui/loaded.js';
import { Time } from '../ui/time.js';

const RUNS = 5;

/** What the checks of a connection found, by the server and by its person. */
export function CheckHistory({ platform: { id, version } }: { readonly platform: Platform }) {
  const [all, setAll] = useState(false);
  const params = { path: { id } };
  const polled = usePolled(() => ok(api.GET('/v1/platforms/{id}/checks', { params })), [id, version], 60_000);
  return (
    <section class="panel" aria-labelledby="checks">
      <h2 id="checks">Checks</h2>
      <Loaded polled={polled} what="the checks">
        {(runs) =>
          runs.length === 0 ? (
            <p class="hint">It has not been checked yet. The server does so by itself from time to time.</p>
          ) : (
            <>
              <ol class="rows">
                {runs.slice(0, all ? undefined : RUNS).map((run) => (
                  <Run key={run.firstAt} run={run} />
                ))}
              </ol>
              {runs.length > RUNS && !all && (
                <div class="buttons">
                  <button type="button" onClick={() => setAll(true)}>
                    Show all checks
                  </button>
                </div>
              )}
            </>
          )
        }
      </Loaded>
    </section>
  );
}

function Run({ run: { outcome, detail, checks, firstAt, lastAt, latencyMs } }: { readonly run: CheckRun }) {
  return (
    <li>
      <div class="main">
        <p>
          <span class={`badge ${toneOf(outcome)}`}>{STATUS_LABELS[outcome]}</span>
          {outcome !== 'connected' && ` ${detail}`}
        </p>
        <p class="hint">
          {checks === 1 ? (
            <Time at={lastAt} none="" />
          ) : (
            <>
              {checks} times, from <Time at={firstAt} none="" /> to <Time at={lastAt} none="" />
            </>
          )}
          {latencyMs !== null && ` · answered in ${latencyMs} ms`}
        </p>
      </div>
    </li>
  );
}

import type { ComponentChildren } from 'preact';
import type { SystemState } from '../api/client.js';
import { hrefOf } from '../state/route.js';
import { STATUS_LABELS, hostOf } from '../ui/labels.js';
import { Time } from '../ui/time.js';

type Entry = SystemState['brokenLately'][number] | SystemState['expiringSoon'][number];

/** Everybody's connections that broke lately, and those whose token ends soon. */
export function Attention({ brokenLately, expiringSoon }: SystemState) {
  return (
    <>
      <section class="panel" aria-labelledby="broken-lately">
        <h2 id="broken-lately">Broken lately</h2>
        <Entries
          entries={brokenLately}
          none="No connection has broken lately."
          note={(one) => (
            <>
              {'status' in one && STATUS_LABELS[one.status]} · <Time at={one.at} none="" />
            </>
          )}
        />
      </section>
      <section class="panel" aria-labelledby="expiring-soon">
        <h2 id="expiring-soon">Tokens that expire soon</h2>
        <Entries
          entries={expiringSoon}
          none="No token expires within 30 days."
          note={(one) => (
            <>
              Expires <Time at={one.at} none="" />
            </>
          )}
        />
      </section>
    </>
  );
}

interface EntriesProps {
  readonly entries: readonly Entry[];
  readonly none: string;
  readonly note: (entry: Entry) => ComponentChildren;
}

function Entries({ entries, none, note }: EntriesProps) {
  if (entries.length === 0) return <p class="hint">{none}</p>;
  return (
    <ul class="rows">
      {entries.map((one) => (
        <li key={one.id}>
          <div class="main">
            <p>
              <strong>{one.name}</strong> at {hostOf(one.instanceUrl)}
            </p>
            <p class="hint">
              {note(one)} · <a href={hrefOf(`connections?user=${one.userId}`)}>user {one.userId}</a>
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

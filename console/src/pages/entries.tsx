import { runsOf } from '../list/runs.js';
import { platforms } from '../state/platforms.js';
import { hrefOf } from '../state/route.js';
import { Time } from '../ui/time.js';
import { ACTION_WORDS, type AuditEntry, actorOf, outcomeOf } from '../ui/words.js';

interface EntriesProps {
  readonly entries: readonly AuditEntry[];
  /** Off where all entries are about the same connection. */
  readonly withPlatform?: boolean;
}

/** Entries of the activity log in words, the newest first. */
export function Entries({ entries, withPlatform = true }: EntriesProps) {
  return (
    <ol class="rows panel">
      {runsOf(entries).map(({ entry, times }) => (
        <li key={entry.id}>
          <div class="main">
            <p>
              <strong>{ACTION_WORDS[entry.action]}</strong>
              <Outcome entry={entry} />
              {withPlatform && <About entry={entry} />}
            </p>
            {entry.reason !== '' && <p>“{entry.reason}”</p>}
            <p class="hint">
              By {actorOf(entry)}
              {entry.address !== '' && ` from ${entry.address}`}
              {entry.detail !== '' && ` · ${entry.detail}`}
              {times > 1 && ` · ${times} times in a row`}
            </p>
          </div>
          <p class="hint">
            <Time at={entry.at} none="" />
          </p>
        </li>
      ))}
    </ol>
  );
}

function Outcome({ entry }: { readonly entry: AuditEntry }) {
  const outcome = outcomeOf(entry);
  if (outcome === null) return null;
  return <span class={outcome.isBad ? 'badge warn' : 'badge'}>{outcome.text}</span>;
}

function About({ entry: { platformId } }: { readonly entry: AuditEntry }) {
  if (platformId === null) return null;
  const name = platforms.value?.find(({ id }) => id === platformId)?.name;
  return name === undefined ? (
    <> · connection {platformId}</>
  ) : (
    <>
      {' · '}
      <a href={hrefOf(`platforms/${platformId}`)}>{name}</a>
    </>
  );
}

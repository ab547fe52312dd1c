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

interface Run {
  /** The newest of them. */
  readonly entry: AuditEntry;
  readonly times: number;
}

/** The pages of administrators ask for the same again and again. */
function runsOf(entries: readonly AuditEntry[]): Run[] {
  const runs: Run[] = [];
  for (const entry of entries) {
    const last = runs.at(-1);
    if (last !== undefined && saysTheSame(last.entry, entry))
      runs.splice(-1, 1, { entry: last.entry, times: last.times + 1 });
    else runs.push({ entry, times: 1 });
  }
  return runs;
}

const SAME = ['action', 'detail', 'outcome', 'userId', 'apiKeyId', 'address'] as const;

function saysTheSame(one: AuditEntry, other: AuditEntry): boolean {
  return one.action === 'admin.request' && SAME.every((field) => one[field] === other[field]);
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

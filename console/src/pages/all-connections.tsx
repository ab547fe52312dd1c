import { useEffect, useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { hrefOf, query, setQuery } from '../state/route.js';
import { Select } from '../ui/fields.js';
import { STATUS_LABELS, TYPE_LABELS, hostOf, softwareOf } from '../ui/labels.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { SoftwareMark } from '../ui/software-mark.js';
import { Tags } from '../ui/tags.js';
import { Time } from '../ui/time.js';
import { StatusLine } from './platform-row.js';

const PAGE_SIZE = 50;
/** While somebody types. */
const QUIET_MS = 300;
/** The server's index of searches needs as many in a row. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;
const MAX_PAGE = 100;

interface Choice {
  readonly search: string;
  readonly status: string;
  readonly type: string;
  readonly userId: string;
  readonly page: number;
}

/** Everybody's, for administrators, who see no credentials. */
export function AllConnectionsPage() {
  const params = new URLSearchParams(query.value);
  const text = (name: string): string => params.get(name) ?? '';
  const choice: Choice = {
    search: text('q'),
    status: text('status'),
    type: text('type'),
    userId: text('user'),
    page: Math.max(1, Number(text('page')) || 1),
  };
  const [typed, setTyped] = useState(choice.search);
  const polled = usePolled(() => load(choice), [query.value], 60_000);
  const choose = (change: Readonly<Record<string, string>>): void => setQuery({ ...change, page: '' });

  useEffect(() => {
    if (typed === choice.search) return;
    const timer = setTimeout(() => choose({ q: typed }), QUIET_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  return (
    <>
      <PageTitle>All connections</PageTitle>
      <div class="choices filters" role="search">
        <div class="field grows">
          <label for="all-search">Search</label>
          <input
            id="all-search"
            type="search"
            spellcheck={false}
            value={typed}
            aria-describedby="all-search-hint"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <p id="all-search-hint" class="hint">
            Name, instance or username, at least three letters or digits
          </p>
        </div>
        <Select
          name="status"
          label="Status"
          value={choice.status}
          options={{ '': 'Any status', ...STATUS_LABELS }}
          onChange={(status) => choose({ status })}
        />
        <Select
          name="type"
          label="Type"
          value={choice.type}
          options={{ '': 'Any type', ...TYPE_LABELS }}
          onChange={(type) => choose({ type })}
        />
      </div>
      {choice.userId !== '' && (
        <p>
          Only those of user {choice.userId}.{' '}
          <button type="button" class="link" onClick={() => choose({ user: '' })}>
            Show everybody’s
          </button>
        </p>
      )}
      <Loaded polled={polled} what="the connections">
        {({ items, total, totalIsExact, pageSize }) => {
          const pages = Math.min(MAX_PAGE, Math.max(1, Math.ceil(total / pageSize)));
          const turn = (to: number): void => setQuery({ page: to === 1 ? '' : String(to) });
          return items.length === 0 ? (
            <Empty title="Nothing matches.">
              <p>Search for something else, or choose any status and type.</p>
            </Empty>
          ) : (
            <>
              <p class="hint" role="status">
                {totalIsExact ? total : `More than ${total}`} {total === 1 ? 'connection' : 'connections'}
              </p>
              <ul class="rows panel">
                {items.map((one) => (
                  <Row key={one.id} platform={one} />
                ))}
              </ul>
              {pages > 1 && (
                <div class="buttons pages" role="group" aria-label="Pages of the list">
                  {choice.page > 1 && (
                    <button type="button" onClick={() => turn(choice.page - 1)}>
                      Previous page
                    </button>
                  )}
                  <span class="hint">
                    Page {choice.page} of {pages}
                  </span>
                  {choice.page < pages && (
                    <button type="button" onClick={() => turn(choice.page + 1)}>
                      Next page
                    </button>
                  )}
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </>
  );
}

function Row({ platform }: { readonly platform: Platform }) {
  const { id, userId, name, username, instanceUrl, isActive, platformType } = platform;
  return (
    <li>
      <div class="main who">
        <p>
          <strong>{name}</strong>
          {!isActive && <span class="badge">Disabled</span>}
        </p>
        <p class="account-of">
          <span>
            {username === null ? 'Unknown account at ' : `@${username}@`}
            {hostOf(instanceUrl)}
          </span>
          <span class="software">
            <SoftwareMark type={platformType} /> {softwareOf(platform)}
          </span>
        </p>
        <Tags labels={platform.labels} />
        <p class="hint">
          Number {id} of <a href={hrefOf(`connections?user=${userId}`)}>user {userId}</a> ·{' '}
          {platform.lastCheckedAt === null ? 'never checked' : 'checked '}
          <Time at={platform.lastCheckedAt} none="" />
        </p>
      </div>
      <div class="health">
        <StatusLine platform={platform} />
      </div>
    </li>
  );
}

async function load({ search, status, type, userId, page }: Choice) {
  const given = {
    page: Math.min(page, MAX_PAGE),
    pageSize: PAGE_SIZE,
    ...(SEARCHABLE.test(search) && { search: search.trim().slice(0, 100) }),
    ...(status in STATUS_LABELS && { status: status as Platform['status'] }),
    ...(type in TYPE_LABELS && { platformType: type as Platform['platformType'] }),
    ...(/^\d{1,9}$/.test(userId) && { userId: Number(userId) }),
  };
  return ok(api.GET('/v1/admin/platforms', { params: { query: given } }));
}

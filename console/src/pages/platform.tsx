import { useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { platforms } from '../state/platforms.js';
import { go, hrefOf } from '../state/route.js';
import { useActions } from '../state/use-actions.js';
import { InstanceLink } from '../ui/instance-link.js';
import { needsReconnect, softwareOf } from '../ui/labels.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Tags } from '../ui/tags.js';
import type { AuditAction } from '../ui/words.js';
import { Activity } from './activity.js';
import { CheckHistory } from './check-history.js';
import { DeletePlatform } from './delete-platform.js';
import { EditPlatform } from './edit-platform.js';
import { Entries } from './entries.js';
import { Followers } from './followers.js';
import { Dates, StatusLine } from './platform-row.js';
import { LoadState } from './platforms.js';
import { Reconnect } from './reconnect.js';

const ENTRIES = 5;
const MOST_ENTRIES = 100;

/** One connection. */
export function PlatformPage({ id }: { readonly id: number }) {
  const { value: list } = platforms;
  const platform = list?.find((one) => one.id === id);
  if (platform !== undefined) return <Connection platform={platform} />;
  return (
    <>
      <PageTitle>{list === null ? 'Platform' : 'Platform not found'}</PageTitle>
      {list === null ? (
        <LoadState />
      ) : (
        <Empty title="You have no such connection.">
          <p>
            It may have been deleted. <a href={hrefOf('platforms')}>Go to your platforms</a>
          </p>
        </Empty>
      )}
    </>
  );
}

type Open = 'edit' | 'delete' | 'reconnect' | null;

function Connection({ platform }: { readonly platform: Platform }) {
  const [open, setOpen] = useState<Open>(null);
  const { name, isActive, isDefault, username, instanceUrl, status } = platform;
  const { busy, test, makeDefault, toggle } = useActions(platform);
  const close = (): void => setOpen(null);
  const button = (label: string, onClick: () => void, primary = false) => (
    <button
      type="button"
      {...(primary && { class: 'primary' })}
      aria-disabled={busy !== null}
      onClick={onClick}
    >
      {busy === label ? 'One moment…' : label}
    </button>
  );
  return (
    <>
      <p>
        <a href={hrefOf('platforms')}>← Platforms</a>
      </p>
      <div class="page-head">
        <div class="who">
          <PageTitle>{name}</PageTitle>
          <p>
            {username === null ? 'Unknown account' : `@${username}`} · {softwareOf(platform)} at{' '}
            <InstanceLink url={instanceUrl} /> {isDefault && <span class="badge accent">Default</span>}
            {!isActive && <span class="badge">Disabled</span>}
          </p>
          <Tags labels={platform.labels} />
          {platform.externalId !== null && <p class="hint">Your ID: {platform.externalId}</p>}
        </div>
        <div class="buttons">
          {needsReconnect(status) && button('Reconnect', () => setOpen('reconnect'), true)}
          {button('Test', test)}
          {button('Edit', () => setOpen('edit'))}
        </div>
      </div>
      <section class="panel" aria-labelledby="status">
        <h2 id="status">Status</h2>
        <StatusLine platform={platform} />
        <Dates platform={platform} />
        {isActive && !isDefault && <div class="buttons">{button('Make default', makeDefault)}</div>}
      </section>
      <CheckHistory platform={platform} />
      <Activity platforms={[platform]} />
      <Followers platforms={[platform]} />
      <History
        id="uses"
        title="Who used it"
        about="Each time that a program or a person read its credentials."
        none="Nobody has read its credentials yet."
        platform={platform}
        action="credentials.reveal"
      />
      <History id="history" title="Who did what" none="Nothing is recorded yet." platform={platform} />
      <section class="panel danger-zone" aria-labelledby="danger">
        <h2 id="danger">Danger zone</h2>
        <p>
          Disabling keeps it, but programs no longer find it. Deleting takes its credentials and statistics
          with it and cannot be undone.
        </p>
        <div class="buttons">
          {button(isActive ? 'Disable' : 'Enable', toggle)}
          <button type="button" class="danger" onClick={() => setOpen('delete')}>
            Delete
          </button>
        </div>
      </section>
      {open === 'edit' && <EditPlatform platform={platform} onClose={close} />}
      {open === 'reconnect' && <Reconnect platform={platform} onClose={close} />}
      {open === 'delete' && (
        <DeletePlatform platform={platform} onClose={close} onDeleted={() => go('platforms')} />
      )}
    </>
  );
}

interface HistoryProps {
  readonly id: string;
  readonly title: string;
  readonly about?: string;
  readonly none: string;
  readonly platform: Platform;
  readonly action?: AuditAction;
}

function History({ id, title, about, none, platform, action }: HistoryProps) {
  const [size, setSize] = useState(ENTRIES);
  const query = { pageSize: size, ...(action !== undefined && { action }) };
  const params = { path: { id: platform.id }, query };
  const polled = usePolled(
    () => ok(api.GET('/v1/platforms/{id}/audit', { params })),
    [platform.id, platform.version, size],
    60_000,
  );
  return (
    <section aria-labelledby={id} class="stack">
      <h2 id={id}>{title}</h2>
      {about !== undefined && <p class="hint">{about}</p>}
      <Loaded polled={polled} what="what was done with this connection">
        {({ entries, nextBefore }) =>
          entries.length === 0 ? (
            <p class="hint">{none}</p>
          ) : (
            <>
              <Entries entries={entries} withPlatform={false} />
              {nextBefore !== null && size < MOST_ENTRIES && (
                <div class="buttons">
                  <button type="button" onClick={() => setSize(MOST_ENTRIES)}>
                    Show more
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

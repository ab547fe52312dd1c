import { useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { platforms } from '../state/platforms.js';
import { go, hrefOf } from '../state/route.js';
import { useActions } from '../state/use-actions.js';
import { needsReconnect, softwareOf } from '../ui/labels.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Activity } from './activity.js';
import { DeletePlatform } from './delete-platform.js';
import { EditPlatform } from './edit-platform.js';
import { Entries } from './entries.js';
import { Followers } from './followers.js';
import { Dates, StatusLine } from './platform-row.js';
import { LoadState } from './platforms.js';
import { Reconnect } from './reconnect.js';

const ENTRIES = 10;

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
            <a href={instanceUrl} target="_blank" rel="noopener noreferrer">
              {new URL(instanceUrl).host}
            </a>{' '}
            {isDefault && <span class="badge accent">Default</span>}
            {!isActive && <span class="badge">Disabled</span>}
          </p>
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
        <div class="buttons">
          {isActive && !isDefault && button('Make default', makeDefault)}
          {button(isActive ? 'Disable' : 'Enable', toggle)}
        </div>
      </section>
      <Activity platforms={[platform]} />
      <Followers platforms={[platform]} />
      <History platform={platform} />
      <section class="panel danger-zone" aria-labelledby="danger">
        <h2 id="danger">Danger zone</h2>
        <p>Deletes this connection with its credentials and statistics. It cannot be undone.</p>
        <div class="buttons">
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

function History({ platform: { id, version } }: { readonly platform: Platform }) {
  const params = { path: { id }, query: { pageSize: ENTRIES } };
  const polled = usePolled(() => ok(api.GET('/v1/platforms/{id}/audit', { params })), [id, version], 60_000);
  return (
    <section aria-labelledby="history" class="stack">
      <h2 id="history">Who did what</h2>
      <Loaded polled={polled} what="what was done with this connection">
        {({ entries }) =>
          entries.length === 0 ? (
            <p class="hint">Nothing is recorded yet.</p>
          ) : (
            <Entries entries={entries} withPlatform={false} />
          )
        }
      </Loaded>
    </section>
  );
}

import { useState } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { loadError, platforms, reload } from '../state/platforms.js';
import { PageTitle } from '../ui/page-title.js';
import { AddPlatform } from './add-platform.js';
import { DeletePlatform } from './delete-platform.js';
import { EditPlatform } from './edit-platform.js';
import { PlatformCard } from './platform-card.js';
import { Reconnect } from './reconnect.js';

type Open =
  | { readonly kind: 'add' }
  | { readonly kind: 'edit' | 'delete' | 'reconnect'; readonly platform: Platform }
  | null;

export function PlatformsPage() {
  const [open, setOpen] = useState<Open>(null);
  const close = (): void => setOpen(null);
  const list = platforms.value;
  return (
    <>
      <div class="page-head">
        <PageTitle>Platforms</PageTitle>
        <button type="button" class="primary" onClick={() => setOpen({ kind: 'add' })}>
          Add a platform
        </button>
      </div>
      <LoadState />
      {list !== null && list.length > 0 && (
        <ul class="cards">
          {list.map((platform) => (
            <li key={platform.id}>
              <PlatformCard
                platform={platform}
                onEdit={() => setOpen({ kind: 'edit', platform })}
                onDelete={() => setOpen({ kind: 'delete', platform })}
                onReconnect={() => setOpen({ kind: 'reconnect', platform })}
              />
            </li>
          ))}
        </ul>
      )}
      {open?.kind === 'add' && <AddPlatform onClose={close} />}
      {open?.kind === 'edit' && <EditPlatform platform={open.platform} onClose={close} />}
      {open?.kind === 'reconnect' && <Reconnect platform={open.platform} onClose={close} />}
      {open?.kind === 'delete' && <DeletePlatform platform={open.platform} onClose={close} />}
    </>
  );
}

/** The load status, shown instead of the cards or above them. */
export function LoadState() {
  const list = platforms.value;
  const error = loadError.value;
  if (error !== null) {
    return (
      <div class="notice bad" role="alert">
        <p>
          {list === null ? 'Could not load your platforms. ' : 'This list may be out of date. '}
          {error}
        </p>
        <button type="button" onClick={() => void reload()}>
          Try again
        </button>
      </div>
    );
  }
  if (list === null) {
    return (
      <p role="status" class="loading">
        Loading your platforms…
      </p>
    );
  }
  if (list.length > 0) return null;
  return (
    <div class="empty panel">
      <p>No platforms connected yet.</p>
      <p class="hint">
        Connect an account on Mastodon, Pixelfed, Pleroma, Akkoma, GoToSocial, Friendica, Misskey, Bluesky or
        other software that speaks the Mastodon, the Misskey or the AT Protocol’s API. Its credentials are
        stored encrypted and never shown here.
      </p>
    </div>
  );
}

import { useEffect, useState } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { choiceOf, chosen } from '../list/choice.js';
import { loadError, platforms, reload } from '../state/platforms.js';
import { go, hrefOf, page, query, setQuery } from '../state/route.js';
import { Empty, Skeleton } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { AddPlatform } from './add-platform.js';
import { BulkProgress } from './bulk-progress.js';
import { DeletePlatform } from './delete-platform.js';
import { EditPlatform } from './edit-platform.js';
import { PlatformRow } from './platform-row.js';
import { Filters, SelectionBar } from './platforms-tools.js';
import { Reconnect } from './reconnect.js';

/** More at a time would make the page slow to draw and long to scroll. */
const PAGE_SIZE = 50;

type Open =
  | { readonly kind: 'add' }
  | { readonly kind: 'edit' | 'delete' | 'reconnect'; readonly platform: Platform }
  | null;

export function PlatformsPage() {
  const [open, setOpen] = useState<Open>(null);
  const close = (): void => setOpen(null);
  const isAdding = new URLSearchParams(query.value).has('add');
  useEffect(() => {
    if (!isAdding) return;
    // A reload does not open it again.
    setQuery({ add: '' });
    setOpen({ kind: 'add' });
  }, [isAdding]);
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
      <BulkProgress />
      {list !== null && list.length > 0 && <List list={list} onOpen={setOpen} />}
      {open?.kind === 'add' && <AddPlatform onClose={close} />}
      {open?.kind === 'edit' && <EditPlatform platform={open.platform} onClose={close} />}
      {open?.kind === 'reconnect' && <Reconnect platform={open.platform} onClose={close} />}
      {open?.kind === 'delete' && <DeletePlatform platform={open.platform} onClose={close} />}
    </>
  );
}

interface ListProps {
  readonly list: readonly Platform[];
  readonly onOpen: (open: Open) => void;
}

function List({ list, onOpen }: ListProps) {
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  const choice = choiceOf(query.value);
  const found = chosen(list, choice);
  const pages = Math.max(1, Math.ceil(found.length / PAGE_SIZE));
  const at = Math.min(pages, Math.max(1, Number(new URLSearchParams(query.value).get('page')) || 1));
  const shown = found.slice((at - 1) * PAGE_SIZE, at * PAGE_SIZE);
  /** What is no longer found is no longer selected: nothing is done to what cannot be seen. */
  const picked = found.filter(({ id }) => selected.has(id));
  const select = (id: number, isSelected: boolean): void =>
    setSelected((before) => {
      const after = new Set(before);
      if (isSelected) after.add(id);
      else after.delete(id);
      return after;
    });
  return (
    <>
      <Filters list={list} choice={choice} />
      <SelectionBar
        found={found}
        picked={picked}
        total={list.length}
        onSelectAll={(isSelected) => setSelected(new Set(isSelected ? found.map(({ id }) => id) : []))}
      />
      {found.length === 0 ? (
        <Empty title="Nothing matches.">
          <p>
            Search for something else, or{' '}
            <button type="button" class="link" onClick={() => go(page.value)}>
              show all {list.length}
            </button>
            .
          </p>
        </Empty>
      ) : (
        <ul class="rows panel connections">
          {shown.map((platform) => (
            <li key={platform.id}>
              <PlatformRow
                platform={platform}
                isSelected={selected.has(platform.id)}
                onSelect={(isSelected) => select(platform.id, isSelected)}
                onEdit={() => onOpen({ kind: 'edit', platform })}
                onDelete={() => onOpen({ kind: 'delete', platform })}
                onReconnect={() => onOpen({ kind: 'reconnect', platform })}
              />
            </li>
          ))}
        </ul>
      )}
      {pages > 1 && <Pages at={at} pages={pages} />}
    </>
  );
}

function Pages({ at, pages }: { readonly at: number; readonly pages: number }) {
  const turn = (to: number): void => {
    setQuery({ page: to === 1 ? '' : String(to) });
    scrollTo(0, 0);
  };
  return (
    <div class="buttons pages" role="group" aria-label="Pages of the list">
      <button type="button" aria-disabled={at === 1} onClick={() => at > 1 && turn(at - 1)}>
        Previous page
      </button>
      <span class="hint" role="status">
        Page {at} of {pages}
      </span>
      <button type="button" aria-disabled={at === pages} onClick={() => at < pages && turn(at + 1)}>
        Next page
      </button>
    </div>
  );
}

/** The load status, shown instead of the rows or above them. */
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
    return <Skeleton what="your platforms" />;
  }
  if (list.length > 0) return null;
  return (
    <Empty title="No platforms connected yet.">
      <p>
        <a href={hrefOf('platforms?add=yes')}>Add a platform</a>: an account on Mastodon, Pixelfed, Pleroma,
        Akkoma, GoToSocial, Friendica, Misskey, Bluesky or other software that speaks the Mastodon, the
        Misskey or the AT Protocol’s API. Its credentials are stored encrypted and never shown here.
      </p>
    </Empty>
  );
}

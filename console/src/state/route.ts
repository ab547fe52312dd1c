import { signal } from '@preact/signals';
import { BASE } from '../api/base.js';

const ROOT = `${BASE}/console/`;
const FIRST = 'platforms';

/** The page that is shown, as its path below /console/: `platforms/7`. */
export const page = signal('');
/** What follows the `?` of the address: what its page shows of a list. */
export const query = signal('');

export function hrefOf(target: string): string {
  return ROOT + target;
}

export function go(target: string): void {
  const [path = '', search = ''] = target.split('?');
  if (path === page.value && search === query.value) return;
  history.pushState(null, '', hrefOf(target));
  page.value = path;
  query.value = search;
  scrollTo(0, 0);
}

/** Sets parameters of the address, without an entry in the history for each letter; an empty one is left out. */
export function setQuery(changes: Readonly<Record<string, string>>): void {
  const params = new URLSearchParams(query.value);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') params.delete(name);
    else params.set(name, value);
  }
  const search = params.toString();
  if (search === query.value) return;
  history.replaceState(null, '', hrefOf(search === '' ? page.value : `${page.value}?${search}`));
  query.value = search;
}

/** Keeps `page` and the address in step: links of the console change the page without loading it again. */
export function followAddress(): () => void {
  const read = (): void => {
    const target = location.pathname.slice(ROOT.length).replace(/\/$/, '');
    // Earlier addresses had the page behind a #.
    const kept = /^#\/(.+)/.exec(location.hash)?.[1];
    if (target === '') history.replaceState(null, '', hrefOf(kept ?? FIRST));
    page.value = target === '' ? (kept ?? FIRST) : target;
    query.value = location.search.slice(1);
  };
  const onClick = (event: MouseEvent): void => {
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
    if (link === null || !isPlain || event.defaultPrevented || link.target !== '') return;
    if (link.origin !== location.origin || !link.pathname.startsWith(ROOT)) return;
    event.preventDefault();
    go(link.pathname.slice(ROOT.length) + link.search);
  };
  read();
  addEventListener('popstate', read);
  document.addEventListener('click', onClick);
  return () => {
    removeEventListener('popstate', read);
    document.removeEventListener('click', onClick);
  };
}

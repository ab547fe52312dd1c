import { api, ok } from '../api/client.js';
import { type Lookup, lookUp } from '../api/use-lookup.js';

const KEY = 'platform-manager:connect-link';

/**
 * The secret of the connect link in the address. It leaves the address, so that it is not in the history, and stays with the
 * tab while that is at the instance.
 */
export function linkHere(): string {
  const given = location.hash.slice(1);
  if (given === '') return sessionStorage.getItem(KEY) ?? '';
  sessionStorage.setItem(KEY, given);
  history.replaceState(null, '', location.pathname);
  return given;
}

/** Once it is of no more use. */
export function forgetLink(): void {
  sessionStorage.removeItem(KEY);
}

/** The look-up for somebody with this link. */
export function lookUpAs(link: string): (typed: string) => Promise<Lookup> {
  return (typed) =>
    lookUp(typed, (instance) => ok(api.POST('/v1/connect/guest/lookup', { body: { link, instance } })));
}

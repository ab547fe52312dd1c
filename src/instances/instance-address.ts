import { InvalidInstanceUrl, canonicalInstanceUrl } from './instance-url.js';

const MAX_LENGTH = 500;
const HANDLE = /^(?:acct:)?@?(?<user>[^\s@/:]+)@(?<host>[^\s@/]+)$/i;

export interface TypedAddress {
  /** Canonical. */
  readonly origin: string;
  /** The account's name if the input is a handle. */
  readonly user: string | null;
}

/**
 * Extracts the address from what users type for their instance: a host, a URL with a path, or a handle.
 *
 * @throws {InvalidInstanceUrl} its `detail` explains why.
 */
export function addressOfInput(input: string, allowInsecureHost: (host: string) => boolean): TypedAddress {
  const text = input.trim();
  if (text.length > MAX_LENGTH) {
    throw new InvalidInstanceUrl(`Enter an address of at most ${MAX_LENGTH} characters.`);
  }
  const { user, host } = HANDLE.exec(text)?.groups ?? {};
  if (user !== undefined && host !== undefined)
    return { origin: canonicalInstanceUrl(host, allowInsecureHost), user };
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  const authority = text.slice(scheme.length).split(/[/?#]/, 1)[0] ?? '';
  return { origin: canonicalInstanceUrl(`${scheme}${authority}`, allowInsecureHost), user: null };
}

import { InvalidInstanceUrl, canonicalInstanceUrl } from './instance-url.js';

const MAX_LENGTH = 500;
const HANDLE = /^(?:acct:)?@?[^\s@/:]+@(?<host>[^\s@/]+)$/i;

/**
 * Extracts the canonical origin from what users type for their instance: a host, a URL with a path, or a handle.
 *
 * @throws {InvalidInstanceUrl} its `detail` explains why.
 */
export function originOfInput(input: string, allowInsecureHost: (host: string) => boolean): string {
  const text = input.trim();
  if (text.length > MAX_LENGTH) {
    throw new InvalidInstanceUrl(`Enter an address of at most ${MAX_LENGTH} characters.`);
  }
  const handle = HANDLE.exec(text)?.groups?.host;
  if (handle !== undefined) return canonicalInstanceUrl(handle, allowInsecureHost);
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? '';
  const authority = text.slice(scheme.length).split(/[/?#]/, 1)[0] ?? '';
  return canonicalInstanceUrl(`${scheme}${authority}`, allowInsecureHost);
}

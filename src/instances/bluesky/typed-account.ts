import { isDid } from './handle-names.js';

// atproto.com/specs/handle: a domain name of at least two labels whose last one does not begin with a digit.
const HANDLE = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_HANDLE = 253;
/** Of the web application: https://bsky.app/profile/<handle or DID>. */
const PROFILE = /^(?:https:\/\/)?bsky\.app\/profile\/([^/?#]+)/i;
const AT_URI = /^at:\/\/([^/?#]+)/i;

/** `account`: it can be nothing else. `maybe`: it may be the name of a server as well. */
export interface TypedAccount {
  readonly kind: 'account' | 'maybe';
  /** A handle in lower case, or a DID. */
  readonly identifier: string;
}

/** The account of the AT Protocol that a user may mean; null if the text has another form. */
export function typedAccount(input: string): TypedAccount | null {
  const text = input.trim();
  const named = PROFILE.exec(text)?.[1] ?? AT_URI.exec(text)?.[1] ?? text;
  const explicit = named !== text || text.startsWith('@');
  const identifier = named.replace(/^@/, '');
  if (isDid(identifier)) return { kind: 'account', identifier };
  const handle = identifier.toLowerCase();
  if (handle.length > MAX_HANDLE || !HANDLE.test(handle)) return null;
  return { kind: explicit ? 'account' : 'maybe', identifier: handle };
}

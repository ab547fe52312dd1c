const MAX_LENGTH = 500;

/** Octets of a host name as text (RFC 1035, section 2.3.4). It also keeps the canonical URL under {@link MAX_LENGTH}. */
const MAX_HOST_LENGTH = 253;

const PARTS = /^(?:(?<scheme>[a-z][a-z0-9+.-]*):\/\/)?(?<authority>[^/?#\\]*)(?<rest>.*)$/i;

// \p{C} includes format characters. IDNA drops some of them, so two different addresses would become the same.
const INVISIBLE = /[\s\p{C}]/u;

/** A label of a DNS name, with the underscore that container networks use. */
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** The text is not a valid instance address. `detail` is a sentence for the user and never quotes the input. */
export class InvalidInstanceUrl extends Error {
  override readonly name = 'InvalidInstanceUrl';
  constructor(readonly detail: string) {
    super(detail);
  }
}

/**
 * The canonical form in which an instance's address is stored: scheme, lower-case host (punycode for other scripts),
 * and the port unless it is the scheme's default. A bare host means https. An address with any other part is refused,
 * because nothing is dropped silently.
 *
 * This checks the syntax only. A literal IPv4 address passes; the HTTP client decides whether it may connect.
 *
 * @param allowInsecureHost tells whether a host is allow-listed, given as `host` or `host:port` (canonical, without the
 *   default port). An allow-listed host may use http and needs no dot.
 * @throws InvalidInstanceUrl
 */
export function canonicalInstanceUrl(
  input: string,
  allowInsecureHost: (host: string) => boolean = () => false,
): string {
  const { scheme, authority } = splitAddress(input);
  const url = parseUrl(`${scheme}://${authority}`);
  const allowListed = allowInsecureHost(url.host);
  assertHostname(url.hostname, allowListed);
  if (scheme === 'http' && !allowListed)
    throw new InvalidInstanceUrl("Enter the server's address with https.");
  return url.origin;
}

/**
 * Splits the text before the URL parser sees it. The parser accepts what must be refused: it resolves "/.", treats "\"
 * as "/", skips extra slashes and drops an empty query.
 */
function splitAddress(input: string): { scheme: 'https' | 'http'; authority: string } {
  if (input.length > MAX_LENGTH) {
    throw new InvalidInstanceUrl(`Enter an address of at most ${MAX_LENGTH} characters.`);
  }
  if (INVISIBLE.test(input)) {
    throw new InvalidInstanceUrl("Enter the server's address without spaces or invisible characters.");
  }

  const { scheme, authority = '', rest = '' } = PARTS.exec(input)?.groups ?? {};
  const lowerCaseScheme = scheme?.toLowerCase() ?? 'https';
  if (lowerCaseScheme !== 'https' && lowerCaseScheme !== 'http') {
    throw new InvalidInstanceUrl('Enter a web address that begins with https://.');
  }
  if (authority === '') throw new InvalidInstanceUrl("Enter the server's address, such as mastodon.social.");
  if (authority.includes('@')) {
    throw new InvalidInstanceUrl(
      scheme === undefined
        ? "Enter the server's address, such as mastodon.social, not the handle of an account."
        : "Enter the server's address without a user name or password.",
    );
  }
  const afterSlash = rest.startsWith('/') ? rest.slice(1) : rest;
  if (afterSlash.startsWith('?')) throw new InvalidInstanceUrl("Enter the server's address without a query.");
  if (afterSlash.startsWith('#'))
    throw new InvalidInstanceUrl("Enter the server's address without a fragment.");
  if (afterSlash !== '') throw new InvalidInstanceUrl("Enter the server's address without a path.");
  return { scheme: lowerCaseScheme, authority };
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new InvalidInstanceUrl('The host name or the port of this address is not valid.');
  }
}

function assertHostname(hostname: string, allowListed: boolean): void {
  if (hostname.endsWith('.')) {
    throw new InvalidInstanceUrl('Enter the host name without a dot at its end.');
  }
  if (!allowListed && !hostname.includes('.')) {
    throw new InvalidInstanceUrl('Enter a full host name, such as mastodon.social.');
  }
  // The URL parser has already checked a bracketed IPv6 address.
  if (hostname.startsWith('[')) return;
  if (hostname.length > MAX_HOST_LENGTH || !hostname.split('.').every((label) => LABEL.test(label))) {
    throw new InvalidInstanceUrl('The host name of this address is not valid.');
  }
}

import { InvalidField } from '../common/domain-error.js';

export interface ProxyTarget {
  /** Absolute and in one spelling only, so that what a policy was asked about is what the instance gets. */
  readonly path: string;
  /** With its question mark; empty without a query. Not changed. */
  readonly query: string;
}

const PROXY_URL = /^\/v1\/platforms\/[^/?#]+\/proxy\/([^?#]*)(\?[^#]*)?$/;
const VISIBLE_ASCII = /^[\x21-\x7e]*$/;
/** RFC 3986, section 3.3. */
const PATH = /^(?:[\w.~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*$/;
const UNRESERVED = /^[\w.~-]$/;
// A slash, a backslash or a control character that is hidden in an escape, once or twice.
const HIDDEN = /%(?:2F|5C|[01][0-9A-F]|7F|25(?:2[EF]|5C|25|[01][0-9A-F]))/i;

/**
 * What is asked of the instance, from the URL as it was sent: the router decodes, and Node's URL parser resolves dots.
 *
 * @throws {InvalidField} for a path that servers read in different ways, or that leads out of the instance.
 */
export function proxyTarget(rawUrl: string): ProxyTarget {
  const found = PROXY_URL.exec(rawUrl);
  if (found === null) throw refused('does not follow /proxy/');
  const [, given = '', query = ''] = found;
  if (!VISIBLE_ASCII.test(query)) throw refused('has a query with characters that a URL cannot have');
  return { path: `/${canonical(asPath(given))}`, query };
}

/**
 * Swagger UI and generated clients write the path as one parameter, with %2F for each slash. Slashes of both kinds are
 * refused.
 */
function asPath(given: string): string {
  if (given.includes('/') || !/%2f/i.test(given)) return given;
  try {
    return decodeURIComponent(given).replace(/[^\w.~!$&'()*+,;=:@/-]+/g, encodeURIComponent);
  } catch {
    throw refused('is not valid UTF-8');
  }
}

function canonical(given: string): string {
  if (!PATH.test(given)) throw refused('has characters that a path cannot have');
  // RFC 3986, section 6.2.2: upper-case escapes, and none where the character itself may stand.
  const path = given.replace(/%[0-9a-f]{2}/gi, (escape) => {
    const character = String.fromCharCode(parseInt(escape.slice(1), 16));
    return UNRESERVED.test(character) ? character : escape.toUpperCase();
  });
  if (HIDDEN.test(path)) throw refused('has an encoded slash, backslash or control character');
  const segments = path.split('/');
  // Some servers take what follows a semicolon off before they resolve dots.
  if (segments.some((segment) => /^\.{1,2}(?:;|$)/.test(segment))) throw refused('has a segment . or ..');
  if (segments.slice(0, -1).includes('')) throw refused('has an empty segment');
  return path;
}

function refused(detail: string): InvalidField {
  return new InvalidField([{ pointer: '#path', detail }]);
}

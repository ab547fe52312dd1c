import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import { BlockedAddress, InstanceUnreachable } from './guarded-http.errors.js';
import { type Resolve, resolveByDns } from './host-names.js';
import { isPublicUnicast } from './public-address.js';

// Names that exist only inside a network: RFC 6761, RFC 6762, RFC 8375, ICANN's .internal, and suffixes that routers and
// clusters use. They are refused without a lookup, because "blocked" or "unknown" would reveal which names exist.
const INSIDE_NAME =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)$/;

const MAX_ADDRESSES = 32;

/** Decides whether a URL may be requested, and returns the addresses that were checked. */
export class OutgoingAddresses {
  constructor(
    /** `host` or `host:port` (canonical, without the default port). May be private, and use http and any port. */
    private readonly allowlist: ReadonlySet<string>,
    private readonly resolve: Resolve = resolveByDns,
  ) {}

  /**
   * Resolves the name once. The client connects only to these addresses and never resolves again, which defeats DNS
   * rebinding.
   *
   * @throws {BlockedAddress} if the URL is not allowed, or any of the addresses is not public.
   * @throws {InstanceUnreachable} if the name has no address.
   */
  async of(url: URL): Promise<readonly LookupAddress[]> {
    const allowListed = this.allowlist.has(url.host);
    if (!isAllowedUrl(url, allowListed)) throw new BlockedAddress();
    // The URL parser has already turned decimal, octal, hexadecimal and short IPv4 into dotted decimal.
    const hostname = url.hostname.replace(/^\[|\]$/g, '');
    const family = isIP(hostname);
    const addresses = family > 0 ? [{ address: hostname, family }] : await this.lookup(hostname, allowListed);
    if (!allowListed && !addresses.every(({ address }) => isPublicUnicast(address)))
      throw new BlockedAddress();
    return addresses;
  }

  private async lookup(hostname: string, allowListed: boolean): Promise<readonly LookupAddress[]> {
    if (!allowListed && (!hostname.includes('.') || INSIDE_NAME.test(hostname))) throw new BlockedAddress();
    const addresses = await this.resolve(hostname, allowListed).catch(() => []);
    if (addresses.length === 0 || addresses.length > MAX_ADDRESSES) throw new InstanceUnreachable();
    return addresses;
  }
}

function isAllowedUrl(url: URL, allowListed: boolean): boolean {
  if (url.username !== '' || url.password !== '' || url.hostname === '' || url.hostname.endsWith('.'))
    return false;
  if (allowListed) return url.protocol === 'https:' || url.protocol === 'http:';
  return url.protocol === 'https:' && url.port === '';
}

import { type LookupAddress, NODATA, NOTFOUND } from 'node:dns';
import { Resolver, lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** Resolves all addresses of a name. `ownName`: whether the operator has allow-listed the host. */
export type Resolve = (hostname: string, ownName: boolean) => Promise<readonly LookupAddress[]>;

/** The first try waits this long, the second twice as long: 4.5 s in all for a silent name server. */
const TIMEOUT_MS = 1500;
const TRIES = 2;

/**
 * Instance names are resolved with c-ares, which needs no thread. The system's lookup occupies one of the few libuv
 * threads while a name server is silent, so a few dead names would block all other lookups, and file access too. But the
 * system reads /etc/hosts and search domains, so it resolves the operator's own names.
 */
export const resolveByDns: Resolve = (hostname, ownName) =>
  ownName ? lookup(hostname, { all: true }) : askDns(hostname);

/**
 * Resolves both families, IPv4 first. The client tries the addresses in turn.
 *
 * @param servers name servers to use instead of the system's.
 * @returns an empty list if the name does not exist or no name server responds.
 */
export async function askDns(
  hostname: string,
  servers?: readonly string[],
): Promise<readonly LookupAddress[]> {
  const [ipv4, ipv6] = await bothFamilies(hostname, servers);
  return [
    ...(ipv4.status === 'fulfilled' ? ipv4.value.map((address) => ({ address, family: 4 })) : []),
    ...(ipv6.status === 'fulfilled' ? ipv6.value.map((address) => ({ address, family: 6 })) : []),
  ];
}

/** `unknown` if no name server says. */
export type Presence = 'present' | 'vanished' | 'unknown';

/**
 * Whether the name of an instance still exists in DNS. An allow-listed one may be known to the system alone.
 *
 * @param servers name servers to use instead of the system's.
 */
export async function presenceOf(
  origin: string,
  allowlist: ReadonlySet<string>,
  servers?: readonly string[],
): Promise<Presence> {
  const { host, hostname } = new URL(origin);
  if (allowlist.has(host) || isIP(hostname.replace(/^\[|\]$/g, '')) > 0) return 'unknown';
  const families = await bothFamilies(hostname, servers);
  if (families.some((family) => family.status === 'fulfilled' && family.value.length > 0)) return 'present';
  return families.every((family) => family.status === 'fulfilled' || saysNone(family.reason))
    ? 'vanished'
    : 'unknown';
}

/** Whether the name server knows that there is no such name, or no such address. */
function saysNone(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('code' in error)) return false;
  return error.code === NOTFOUND || error.code === NODATA;
}

type Family = PromiseSettledResult<readonly string[]>;

function bothFamilies(hostname: string, servers: readonly string[] | undefined): Promise<[Family, Family]> {
  // A new resolver for each call picks up changes to the system's name servers.
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  return Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
}

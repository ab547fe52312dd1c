import { type LookupAddress } from 'node:dns';
import { Resolver, lookup } from 'node:dns/promises';

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
  // A new resolver for each call picks up changes to the system's name servers.
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return [
    ...(ipv4.status === 'fulfilled' ? ipv4.value.map((address) => ({ address, family: 4 })) : []),
    ...(ipv6.status === 'fulfilled' ? ipv6.value.map((address) => ({ address, family: 6 })) : []),
  ];
}

import { type LookupAddress } from 'node:dns';
import { Resolver, lookup } from 'node:dns/promises';

/** All addresses of a name. `ownName`: of a host that the operator has allow-listed. */
export type Resolve = (hostname: string, ownName: boolean) => Promise<readonly LookupAddress[]>;

/** A name server that does not answer is asked again after this time, and then for twice as long: 4.5 s in all. */
const TIMEOUT_MS = 1500;
const TRIES = 2;

/**
 * Instances are asked of DNS by c-ares, which waits without a thread. The system's look-up holds one of the few threads of
 * the process for as long as a name server is silent, so that some dead names would hold up all others, and files too.
 * It knows /etc/hosts and search domains, so the operator's own names are left to it.
 */
export const resolveByDns: Resolve = (hostname, ownName) =>
  ownName ? lookup(hostname, { all: true }) : askDns(hostname);

/**
 * IPv4 first; whoever connects tries the families in turn.
 *
 * @param servers instead of the system's.
 * @returns none for a name that is unknown, or of which no name server tells.
 */
export async function askDns(
  hostname: string,
  servers?: readonly string[],
): Promise<readonly LookupAddress[]> {
  // Each time anew, so that changed name servers of the system are heard of.
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
  return [
    ...(ipv4.status === 'fulfilled' ? ipv4.value.map((address) => ({ address, family: 4 })) : []),
    ...(ipv6.status === 'fulfilled' ? ipv6.value.map((address) => ({ address, family: 6 })) : []),
  ];
}

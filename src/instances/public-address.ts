import { BlockList, isIP, isIPv4 } from 'node:net';

// IANA IPv4 Special-Purpose Address Registry. Blocks with a global part are listed whole: no instance runs there.
const SPECIAL_IPV4: readonly (readonly [network: string, prefix: number])[] = [
  ['0.0.0.0', 8], // this network
  ['10.0.0.0', 8], // private
  ['100.64.0.0', 10], // carrier-grade NAT; also where some clouds keep their metadata
  ['127.0.0.0', 8], // loopback
  ['169.254.0.0', 16], // link-local, with the metadata service of most clouds
  ['172.16.0.0', 12], // private
  ['192.0.0.0', 24], // protocol assignments
  ['192.0.2.0', 24], // documentation
  ['192.31.196.0', 24], // AS112
  ['192.52.193.0', 24], // AMT
  ['192.88.99.0', 24], // 6to4 relays
  ['192.168.0.0', 16], // private
  ['192.175.48.0', 24], // AS112
  ['198.18.0.0', 15], // benchmarking
  ['198.51.100.0', 24], // documentation
  ['203.0.113.0', 24], // documentation
  ['224.0.0.0', 4], // multicast
  ['240.0.0.0', 4], // reserved, and broadcast
];

// Everything outside 2000::/3 is refused, including ::1, fc00::/7, fe80::/10, and mapped and translated IPv4.
const SPECIAL_IPV6: readonly (readonly [network: string, prefix: number])[] = [
  ['2001::', 23], // protocol assignments, with Teredo, ORCHID and benchmarking
  ['2001:db8::', 32], // documentation
  ['2002::', 16], // 6to4: carries an IPv4 address, which may be a private one
  ['2620:4f:8000::', 48], // AS112
  ['3fff::', 20], // documentation
];

const specialIpv4 = blockList('ipv4', SPECIAL_IPV4);
const specialIpv6 = blockList('ipv6', SPECIAL_IPV6);
const globalIpv6 = blockList('ipv6', [['2000::', 3]]);

/** Whether the text is an IP address that a host on the public Internet can have. */
export function isPublicUnicast(address: string): boolean {
  if (isIP(address) === 0) return false;
  if (isIPv4(address)) return !specialIpv4.check(address, 'ipv4');
  // An address with a zone is valid on one link only.
  if (address.includes('%')) return false;
  return globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6');
}

function blockList(
  family: 'ipv4' | 'ipv6',
  networks: readonly (readonly [network: string, prefix: number])[],
): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of networks) list.addSubnet(network, prefix, family);
  return list;
}

import { BlockList, isIP } from 'node:net';

const RANGE = /^([^/%]+)(?:\/(0|[1-9]\d{0,2}))?$/;
const IPV6_BITS = 128;
/** An IPv4 address is handled as its IPv4-mapped IPv6 address: 80 zero bits, 16 one bits, 32 bits of its own. */
const MAPPED_BITS = 96;
const GROUP_BITS = 16;

/** A set of addresses, IPv4 and IPv6. An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is the IPv4 address. */
export class AddressRanges {
  readonly #ipv4 = new BlockList();
  readonly #ipv6 = new BlockList();

  /** @throws {Error} for a text that is no address and no range. An ignored one could leave a set that was meant smaller. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const canonical = canonicalRange(range);
      if (canonical === null) throw new Error('An address range is not valid.');
      const [network = '', prefix] = canonical.split('/', 2);
      const isIpv4 = isIP(network) === 4;
      const bits = prefix === undefined ? (isIpv4 ? IPV6_BITS - MAPPED_BITS : IPV6_BITS) : Number(prefix);
      if (isIpv4) this.#ipv4.addSubnet(network, bits, 'ipv4');
      else this.#ipv6.addSubnet(network, bits, 'ipv6');
    }
  }

  /** False for what is no address. A zone (`%eth0`) does not count. */
  has(address: string): boolean {
    const canonical = canonicalRange(address.split('%', 1)[0] ?? '');
    if (canonical === null || isIP(canonical) === 0) return false;
    return isIP(canonical) === 4 ? this.#ipv4.check(canonical, 'ipv4') : this.#ipv6.check(canonical, 'ipv6');
  }
}

/**
 * The one spelling of an address or a CIDR range (RFC 4632): bits beyond the prefix are zero, IPv6 as in RFC 5952, IPv4 if
 * it is IPv4-mapped, no prefix for a single address. Null if it is neither.
 */
export function canonicalRange(text: string): string | null {
  const [, address = '', digits] = RANGE.exec(text) ?? [];
  const family = isIP(address);
  if (family === 0) return null;
  const ownBits = family === 4 ? MAPPED_BITS : 0;
  const prefix = digits === undefined ? IPV6_BITS : ownBits + Number(digits);
  if (prefix > IPV6_BITS) return null;
  const network = groupsOf(family === 4 ? `::ffff:${address}` : address).map((group, index) => {
    const kept = Math.min(Math.max(prefix - index * GROUP_BITS, 0), GROUP_BITS);
    return group & (0xffff << (GROUP_BITS - kept));
  });
  const isIpv4 = prefix >= MAPPED_BITS && network.slice(0, 6).join() === '0,0,0,0,0,65535';
  const name = isIpv4
    ? dotted(network.slice(6))
    : hostname(network.map((group) => group.toString(16)).join(':'));
  return prefix === IPV6_BITS ? name : `${name}/${prefix - (isIpv4 ? MAPPED_BITS : 0)}`;
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const [head = '', tail] = hostname(address).split('::', 2);
  const numbers = (part = ''): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const [before, after] = [numbers(head), numbers(tail)];
  return [...before, ...Array<number>(8 - before.length - after.length).fill(0), ...after];
}

/** Shortened, in hexadecimal groups only (WHATWG URL, "IPv6 serializer"). */
function hostname(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}

function dotted(groups: readonly number[]): string {
  return groups.flatMap((group) => [group >> 8, group & 0xff]).join('.');
}

import { BlockList, isIP } from 'node:net';
import type { SignInOrigin } from './sign-in-origin.js';

export type Seen = Pick<SignInOrigin, 'device' | 'address'>;

/** Wide, because a provider moves its customers about, and a phone changes its address all day. */
const NETWORK_BITS = { 4: 16, 6: 32 } as const;

/**
 * Whether a sign-in looks like an earlier one: the same kind of program in the same network. A client says of itself what it
 * is, so this is good for a notice and for no decision.
 */
export function isSameDevice(one: Seen, other: Seen): boolean {
  return (
    one.device === other.device && (one.address === other.address || areNear(one.address, other.address))
  );
}

function areNear(one: string, other: string): boolean {
  const kind = isIP(one);
  if ((kind !== 4 && kind !== 6) || isIP(other) !== kind) return false;
  const family = kind === 4 ? 'ipv4' : 'ipv6';
  const network = new BlockList();
  network.addSubnet(one, NETWORK_BITS[kind], family);
  return network.check(other, family);
}

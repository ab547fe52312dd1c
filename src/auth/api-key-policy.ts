import { canonicalRange } from '../http/address-ranges.js';
import type { KeyPolicyFields } from '../http/auth/key-policy.js';
import type { ApiKey } from './api-key.entity.js';

export type PolicyColumns = Pick<ApiKey, 'platformIds' | 'addresses'>;

/** As the columns hold it. Addresses that are equal once they are canonical count once. */
export function columnsOf({ platformIds, addresses }: KeyPolicyFields): PolicyColumns {
  return {
    platformIds: platformIds === undefined ? null : [...platformIds],
    addresses: addresses === undefined ? null : canonical(addresses),
  };
}

/** Null for a key without limits. An empty list, which only SQL can write, permits nothing. */
export function policyOf({ platformIds, addresses }: PolicyColumns): KeyPolicyFields | null {
  if (platformIds === null && addresses === null) return null;
  return {
    ...(platformIds !== null && { platformIds }),
    // PostgreSQL writes /32 and /128 too.
    ...(addresses !== null && { addresses: canonical(addresses) }),
  };
}

function canonical(ranges: readonly string[]): string[] {
  return [...new Set(ranges.map((range) => canonicalRange(range) ?? range))];
}

import { canonicalRange } from '../http/address-ranges.js';
import type { KeyPolicyFields } from '../http/auth/key-policy.js';
import type { ApiKey } from './api-key.entity.js';

export type PolicyColumns = Pick<ApiKey, 'platformIds' | 'addresses' | 'methods' | 'paths' | 'perMinute'>;

/** As the columns hold it. Addresses that are equal once they are canonical count once. */
export function columnsOf({
  platformIds,
  addresses,
  methods,
  paths,
  perMinute,
}: KeyPolicyFields): PolicyColumns {
  return {
    platformIds: platformIds === undefined ? null : [...platformIds],
    addresses: addresses === undefined ? null : canonical(addresses),
    methods: methods === undefined ? null : [...methods],
    paths: paths === undefined ? null : [...paths],
    perMinute: perMinute ?? null,
  };
}

/** Null for a key without limits. An empty list, which only SQL can write, permits nothing. */
export function policyOf({
  platformIds,
  addresses,
  methods,
  paths,
  perMinute,
}: PolicyColumns): KeyPolicyFields | null {
  const policy = {
    ...(platformIds !== null && { platformIds }),
    // PostgreSQL writes /32 and /128 too.
    ...(addresses !== null && { addresses: canonical(addresses) }),
    ...(methods !== null && { methods }),
    ...(paths !== null && { paths }),
    ...(perMinute !== null && { perMinute }),
  };
  return Object.keys(policy).length === 0 ? null : policy;
}

function canonical(ranges: readonly string[]): string[] {
  return [...new Set(ranges.map((range) => canonicalRange(range) ?? range))];
}

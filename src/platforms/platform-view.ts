import { z } from 'zod';
import { CHECK_OUTCOMES } from '../instances/check-outcome.js';
import { PLATFORM_TYPES } from '../instances/software.js';

export { PLATFORM_TYPES, type PlatformType } from '../instances/software.js';

/** Those whose token is enough to use the account. A token of Bluesky also needs the key that it was issued to. */
export const PASTED_TYPES = PLATFORM_TYPES.filter((type) => type !== 'bluesky');

/** `unchecked` until a check has been made; the others are what a check can find. */
export const PLATFORM_STATUSES = ['unchecked', ...CHECK_OUTCOMES] as const;
export type PlatformStatus = (typeof PLATFORM_STATUSES)[number];

const id = z.int().positive();
const time = z.iso.datetime().transform((text) => new Date(text));

/** What the API shows of a connection, and what is cached of it. No credential and no ciphertext. */
export const platformViewSchema = z.strictObject({
  id,
  userId: id,
  name: z.string(),
  platformType: z.enum(PLATFORM_TYPES),
  software: z.string().nullable(),
  softwareVersion: z.string().nullable(),
  instanceUrl: z.string(),
  username: z.string().nullable(),
  isActive: z.boolean(),
  isDefault: z.boolean(),
  status: z.enum(PLATFORM_STATUSES),
  lastCheckedAt: time.nullable(),
  lastError: z.string().nullable(),
  tokenExpiresAt: time.nullable(),
  hasClientCredentials: z.boolean(),
  hasAvatar: z.boolean(),
  labels: z.record(z.string(), z.string()),
  externalId: z.string().nullable(),
  lastUsed: time.nullable(),
  createdAt: time,
  updatedAt: time,
  version: id,
});

export type PlatformView = Readonly<z.output<typeof platformViewSchema>>;

/** The default first, then by name. Also the order in which a new default is found when the old one goes. */
export function inListOrder<T extends { isDefault: boolean; name: string; id: number }>(
  platforms: readonly T[],
): T[] {
  return [...platforms].sort(
    (a, b) => Number(b.isDefault) - Number(a.isDefault) || byName.compare(a.name, b.name) || a.id - b.id,
  );
}

export const byName = new Intl.Collator('en');

/** The version as an entity tag, for `ETag` and `If-Match` (RFC 9110, 8.8.3). */
export function etagOf(platform: { readonly version: number }): string {
  return `"${platform.version}"`;
}

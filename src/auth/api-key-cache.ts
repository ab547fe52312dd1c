import { z } from 'zod';
import type { CacheSpec } from '../cache/cache-spec.js';
import { type AuthUser, type Scope, SCOPES } from '../http/auth/auth-user.js';
import { KeyPolicy, type KeyPolicyFields, PROXY_METHODS } from '../http/auth/key-policy.js';

/** The outbox drops the entry when the key changes or goes, also by SQL. */
export const API_KEY_TTL_SECONDS = 300;
/** What nobody has issued: long enough to spare the database a program that keeps trying a revoked key. */
const ABSENT_TTL_SECONDS = 10;
const SHA256_BYTES = 32;

interface Fields {
  readonly id: number;
  readonly userId: number;
  readonly lookup: string;
  readonly hash: Buffer;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
  readonly policy: KeyPolicyFields | null;
}

/** What must be known to admit a request with an API key. */
export interface KnownApiKey extends Fields {
  /** Made once an entry and not once a request. */
  readonly user: AuthUser;
}

const sha256 = z.base64url().transform((text) => Buffer.from(text, 'base64url'));

const storedSchema = z
  .strictObject({
    id: z.int().positive(),
    userId: z.int().positive(),
    lookup: z.string(),
    hash: sha256.refine((bytes) => bytes.length === SHA256_BYTES),
    scopes: z.array(z.enum(SCOPES)),
    expiresAt: z.iso
      .datetime()
      .transform((text) => new Date(text))
      .nullable(),
    // Required: an entry from before there were policies is a miss. It would be a key without limits.
    policy: z
      .strictObject({
        platformIds: z.array(z.int().positive()).optional(),
        addresses: z.array(z.string()).optional(),
      })
      .nullable(),
    // Apart, and required, for the same reason.
    proxy: z.strictObject({
      methods: z.array(z.enum(PROXY_METHODS)).optional(),
      paths: z.array(z.string()).optional(),
      perMinute: z.int().positive().optional(),
    }),
  })
  .transform(({ proxy, policy, ...fields }) => {
    const all = { ...policy, ...proxy };
    return { ...fields, policy: policy === null && Object.keys(proxy).length === 0 ? null : all };
  })
  .nullable();

/**
 * `api_key:<lookup>`: so that a worker's requests need no database. It holds the hash, the policy and no secret. Never in process
 * memory, because a revocation must be seen by every process at once.
 */
export const API_KEY_SPEC: CacheSpec<string, KnownApiKey | null> = {
  resource: 'api_key',
  key: apiKeyCacheKey,
  ttlSeconds: (known) => (known === null ? ABSENT_TTL_SECONDS : API_KEY_TTL_SECONDS),
  encode: (known) => (known === null ? 'null' : JSON.stringify(toStored(known))),
  fingerprint: (known) =>
    known === null
      ? ''
      : JSON.stringify([known.id, known.userId, known.scopes, known.expiresAt, known.policy]),
  decode: (raw, lookup) => {
    const fields = storedSchema.parse(JSON.parse(raw));
    if (fields === null) return null;
    if (fields.lookup !== lookup) throw new Error('The entry is of another key');
    return knownApiKey(fields);
  },
};

export function knownApiKey(fields: Fields): KnownApiKey {
  const { id, userId, scopes, policy } = fields;
  // No API key has an administrator's rights, so the owner's role does not matter and cannot be out of date.
  const user: AuthUser = Object.freeze({
    id: userId,
    role: 'user',
    scopes,
    apiKeyId: id,
    ...(policy !== null && { policy: new KeyPolicy(policy) }),
  });
  return { ...fields, user };
}

export function apiKeyCacheKey(lookup: string): string {
  return `api_key:${lookup}`;
}

function toStored(known: KnownApiKey) {
  const { user: _, policy, ...fields } = known;
  const { platformIds, addresses, ...proxy } = policy ?? {};
  const isLimited = platformIds !== undefined || addresses !== undefined;
  return {
    ...fields,
    policy: isLimited ? { platformIds, addresses } : null,
    proxy,
    hash: fields.hash.toString('base64url'),
  };
}

import { z } from 'zod';
import type { CacheSpec } from '../cache/cache-spec.js';
import { type AuthUser, ROLES } from '../http/auth/auth-user.js';

/** The outbox drops the entry when the session ends, or its user is changed or goes, also by SQL. */
export const SESSION_TTL_SECONDS = 300;
/** Of a session that has ended: long enough to spare the database a client that does not notice. */
const ENDED_TTL_SECONDS = 10;

interface Fields {
  /** What it is cached under. */
  readonly session: string;
  readonly userId: number;
  readonly role: AuthUser['role'];
  /** Unix milliseconds. Null for the tokens of the provider, each of which says that itself. */
  readonly confirmedAt: number | null;
}

/** What must be known to admit a request with an access token. */
export interface LiveSession extends Fields {
  /** Made once an entry and not once a request. */
  readonly user: AuthUser;
}

const storedSchema = z
  .strictObject({
    session: z.string(),
    userId: z.int().positive(),
    role: z.enum(ROLES),
    confirmedAt: z.int().nullable(),
  })
  .nullable();

/** `session:<id>`: so that a person's requests need no database. Null once the session has ended. It holds no secret. */
export const SESSION_SPEC: CacheSpec<string, LiveSession | null> = {
  resource: 'session',
  key: sessionCacheKey,
  ttlSeconds: (live) => (live === null ? ENDED_TTL_SECONDS : SESSION_TTL_SECONDS),
  encode: (live) => JSON.stringify(live && toStored(live)),
  fingerprint: (live) => JSON.stringify(live && toStored(live)),
  decode: (raw, key) => {
    const fields = storedSchema.parse(JSON.parse(raw));
    if (fields === null) return null;
    if (fields.session !== key) throw new Error('The entry is of another session');
    return liveSession(fields);
  },
};

export function liveSession(fields: Fields): LiveSession {
  const { session, userId: id, role, confirmedAt } = fields;
  const own = /^\d+$/.test(session) ? { sessionId: Number(session) } : {};
  const confirmed = confirmedAt === null ? {} : { confirmedAtMs: confirmedAt };
  return { ...fields, user: Object.freeze({ id, role, scopes: 'all', ...own, ...confirmed }) };
}

export function sessionCacheKey(key: string): string {
  return `session:${key}`;
}

/** Under which the tokens of the OpenID provider for one user are known: we begin and end no session of theirs. */
export function providerSessionKey(userId: number): string {
  return `user-${userId}`;
}

function toStored({ session, userId, role, confirmedAt }: LiveSession): Fields {
  return { session, userId, role, confirmedAt };
}

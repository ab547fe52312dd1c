import type { Backends } from './backends.js';
import { insertSessions, signAccessToken } from './factories.js';
import { type ConnectionInput, insertConnections } from './insert-connections.js';

export interface InsertedUser {
  readonly id: number;
  /** The first of their connections, and the default one. */
  readonly platformId: number;
  readonly platformName: string;
  /** An access token. */
  readonly token: string;
}

export interface InsertOptions {
  /** How many connections each has. */
  readonly connections?: number;
  /** What all connections have. */
  readonly own?: Partial<ConnectionInput>;
}

/** Longer than a long bench, and than the clock of a test's process is ahead. */
const TOKEN_TTL_SECONDS = 12 * 3600;

/** Users with sealed platform connections, by SQL: thousands of them cost no thousand password hashes. */
export async function insertUsers(
  backends: Backends,
  count: number,
  { connections = 1, own = {} }: InsertOptions = {},
): Promise<InsertedUser[]> {
  const users = await backends.rows<{ id: number }>(
    `INSERT INTO users (email) SELECT 'bulk-' || n || '-' || md5(random()::text) || '@example.org'
     FROM generate_series(1, $1::integer) AS n RETURNING id`,
    [count],
  );
  const ids = await insertConnections(
    (text, values) => backends.rows(text, values),
    backends.keyRing,
    users.flatMap(({ id: userId }) =>
      Array.from({ length: connections }, (_, index) => ({
        userId,
        name: index === 0 ? nameOf(userId) : `${nameOf(userId)}, ${index}`,
        instanceUrl: index === 0 ? 'https://mastodon.example' : `https://mastodon-${index}.example`,
        accessToken: backends.secrets.make('access-token'),
        isDefault: index === 0,
        ...own,
      })),
    ),
  );
  const sessions = await insertSessions(
    backends,
    users.map(({ id }) => id),
  );
  return Promise.all(
    users.map(async ({ id }, index) => ({
      id,
      platformId: ids[index * connections] ?? 0,
      platformName: nameOf(id),
      token: await signAccessToken(backends, id, {
        expiresInSeconds: TOKEN_TTL_SECONDS,
        sessionId: sessions[index] ?? 0,
      }),
    })),
  );
}

const nameOf = (userId: number): string => `Platform of ${userId}`;

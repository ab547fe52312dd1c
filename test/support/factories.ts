import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Backends } from './backends.js';
import type { HttpClient } from './http-client.js';
import type { Secrets } from './secrets.js';

export interface Session {
  readonly user: { readonly id: number; readonly email: string; readonly role: 'user' | 'admin' };
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly tokenType: string;
  readonly expiresIn: number;
}

/** A user who is signed in, with a client that sends the token. */
export interface Person extends Session {
  readonly id: number;
  readonly email: string;
  readonly password: string;
  readonly client: HttpClient;
}

/** A platform connection as the API shows it. */
export interface PlatformJson {
  readonly id: number;
  readonly userId: number;
  readonly name: string;
  readonly platformType: string;
  readonly software: string | null;
  readonly softwareVersion: string | null;
  readonly instanceUrl: string;
  readonly username: string | null;
  readonly isActive: boolean;
  readonly isDefault: boolean;
  readonly status: string;
  readonly hasClientCredentials: boolean;
  readonly hasAvatar: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly externalId: string | null;
  readonly lastUsed: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly version: number;
}

export interface PlatformInput {
  readonly name: string;
  readonly platformType: string;
  readonly instanceUrl: string;
  readonly accessToken: string;
  readonly username?: string | null;
  readonly clientKey?: string | null;
  readonly clientSecret?: string | null;
  readonly labels?: Readonly<Record<string, string>> | null;
  readonly externalId?: string | null;
  readonly isDefault?: boolean;
}

export function unique(): string {
  return randomBytes(5).toString('hex');
}

/** A body for POST /v1/platforms that is valid, unlike any other, and whose credentials will be searched for. */
export function platformInput(secrets: Secrets, own: Partial<PlatformInput> = {}): PlatformInput {
  return {
    name: `Platform ${unique()}`,
    platformType: 'mastodon',
    instanceUrl: 'https://mastodon.example',
    username: `user-${unique()}`,
    accessToken: secrets.make('access-token'),
    clientKey: secrets.make('client-key'),
    clientSecret: secrets.make('client-secret'),
    ...own,
  };
}

export async function register(client: HttpClient, secrets: Secrets): Promise<Person> {
  const email = `user-${unique()}@example.org`;
  const password = secrets.make('password');
  const answer = await client.post('/v1/auth/register', { email, password });
  if (answer.status !== 201) throw new Error(`register answered ${answer.status}: ${answer.text}`);
  const session = answer.json<Session>();
  return { ...session, id: session.user.id, email, password, client: client.as(session) };
}

export async function createPlatform(
  { client }: Pick<Person, 'client'>,
  secrets: Secrets,
  own: Partial<PlatformInput> = {},
): Promise<PlatformJson> {
  const answer = await client.post('/v1/platforms', platformInput(secrets, own));
  if (answer.status !== 201) throw new Error(`create answered ${answer.status}: ${answer.text}`);
  return answer.json<PlatformJson>();
}

/** Of a user who does not exist. */
const NO_SESSION = 2_000_000_000;

export interface TokenOptions {
  readonly subject?: string;
  /** A session of its own by default. */
  readonly sessionId?: number;
  readonly expiresInSeconds?: number;
  readonly issuer?: string;
  readonly secret?: string;
  readonly epoch?: number;
}

/** A session for each of these users that exist, in their order, by SQL. */
export async function insertSessions(backends: Backends, userIds: readonly number[]): Promise<number[]> {
  const rows = await backends.rows<{ id: number }>(
    `INSERT INTO sessions (user_id, family_id, device, address, expires_at)
     SELECT users.id, gen_random_uuid(), 'A test', '', now() + interval '1 day'
     FROM unnest($1::integer[]) WITH ORDINALITY AS given (id, n) JOIN users USING (id) ORDER BY n RETURNING id`,
    [userIds],
  );
  return rows.map(({ id }) => id);
}

/** An access token as the application signs it, unless told otherwise. */
export async function signAccessToken(
  backends: Backends,
  userId: number,
  own: TokenOptions = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const sessionId = own.sessionId ?? (await insertSessions(backends, [userId]))[0] ?? NO_SESSION;
  return new SignJWT({ sid: String(sessionId), epoch: own.epoch ?? 1 })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(own.issuer ?? 'platform-manager')
    .setAudience('platform-manager')
    .setSubject(own.subject ?? String(userId))
    .setIssuedAt(now)
    .setExpirationTime(now + (own.expiresInSeconds ?? 900))
    .sign(new TextEncoder().encode(own.secret ?? backends.jwtSecret));
}

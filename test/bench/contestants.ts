import type { InsertedUser } from '../support/insert-users.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import type { Deployment } from './deployment.js';
import type { Target } from './load.js';

export const CONSTANT = 'limit: Nest + Fastify, constant';
export const RAW_GET = 'Fastify + one Redis GET, nobody signed in';
export const INTERCEPTOR = "Nest's CacheInterceptor, nobody signed in";
export const LIST_HIT = 'ours: list, hit';
/** A user for each of the 32 connections: callers of one user share a read of Redis, or a load. */
export const LISTS_HIT = 'ours: lists of 32 users, hit';
export const LISTS_CACHE_OFF = 'ours: lists of 32 users, cache off';
/** Each request drops what is cached of its user, and so loads and stores it. */
export const LISTS_MISS = 'ours: lists of 32 users, miss';
export const LISTS_SELECT = 'Fastify + one SELECT for 32 users, nobody signed in';
/** By a process that answers nothing else, as the one with rate limits: V8 has compiled less in it than in `LISTS_HIT`'s. */
export const LISTS_ALONE = 'ours: the same, another process';
export const LISTS_LIMITED = 'ours: the same, with rate limits';
/** As workers read: an API key for each of the 32 connections. */
export const LISTS_BY_KEY = 'ours: lists of 32 API keys, hit';
export const REVEAL = 'ours: reveal, hit and an audit row';
/** The same reads, answered by the build that `--against` names. */
export const LIST_OTHER = 'other build: list, hit';
export const LISTS_OTHER = 'other build: lists of 32 users, hit';
export const LISTS_LIMITED_OTHER = 'other build: the same, with rate limits';
export const LISTS_BY_KEY_OTHER = 'other build: lists of 32 API keys, hit';
export const REVEAL_OTHER = 'other build: reveal, hit and an audit row';
const CALLERS = 32;
/** Connections to PostgreSQL, the application's default. */
const POOL_MAX = 15;
const LIST = '/v1/platforms';

/** One build in two processes. */
export interface Build {
  readonly plain: ApiProcess;
  readonly limited: ApiProcess;
}

/** All of them answer the same list of three connections, or what is said. */
export async function contestants(
  deployment: Deployment,
  { plain: ours, alone, limited }: Build & { readonly alone: ApiProcess },
  uncached: ApiProcess,
  other: Build | null,
): Promise<ReadonlyMap<string, Target>> {
  const users = await deployment.addUsers(CALLERS);
  const [user] = users;
  if (user === undefined) throw new Error('No user was added');
  const signedIn = ({ token }: InsertedUser) => ({ authorization: `Bearer ${token}` });
  const headers = signedIn(user);
  const callers = users.map(signedIn);
  const keys = await Promise.all(users.map((one) => apiKeyOf(ours, one)));
  const workers = keys.map((token) => ({ authorization: `Bearer ${token}` }));
  const list = `${ours.baseUrl}${LIST}`;
  const one = `${LIST}/${user.platformId}`;
  const answer = await fetch(list, { headers });
  const body = await answer.text();
  const unchanged = async (url: string) => ({
    ...headers,
    'if-none-match': (await fetch(url, { headers })).headers.get('etag') ?? '',
  });

  const reveal = (api: ApiProcess): Target => ({
    ...to(api, `${one}/credentials`),
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ reason: 'To measure it' }),
  });
  const start = (file: string, env: Readonly<Record<string, string>>) =>
    deployment.startContestant(file, { BODY: body, ...env });
  const [constant, bare, raw, select, interceptor, bento, cacheable] = await Promise.all([
    start('constant.ts', {}),
    start('constant.ts', { KIND: 'node' }),
    start('raw-redis.ts', { KEY: `user_platforms:${user.id}` }),
    start('raw-select.ts', { DATABASE_URL: deployment.backends.databaseUrl, POOL_MAX: String(POOL_MAX) }),
    start('nest-interceptor.ts', {}),
    start('read-through.ts', { KIND: 'bento' }),
    start('read-through.ts', { KIND: 'cacheable' }),
  ]);
  return new Map<string, Target>([
    ['limit: node:http, constant', to(bare, '/')],
    [CONSTANT, to(constant, '/constant')],
    [RAW_GET, to(raw, '/list')],
    [INTERCEPTOR, to(interceptor, '/list')],
    ['BentoCache, nobody signed in', to(bento, '/list')],
    ['cacheable, nobody signed in', to(cacheable, '/list')],
    [LIST_HIT, { ...to(ours, LIST), headers }],
    ['ours: list, 304', { ...to(ours, LIST), headers: await unchanged(list) }],
    ['ours: one, hit', { ...to(ours, one), headers }],
    ['ours: one, 304', { ...to(ours, one), headers: await unchanged(`${ours.baseUrl}${one}`) }],
    [REVEAL, reveal(ours)],
    [LISTS_HIT, { ...to(ours, LIST), callers }],
    [LISTS_ALONE, { ...to(alone, LIST), callers }],
    [LISTS_LIMITED, { ...to(limited, LIST), callers }],
    [LISTS_MISS, { ...to(ours, `${LIST}?refresh=true`), callers }],
    [LISTS_SELECT, { ...to(select, '/list'), callers: users.map(({ id }) => ({ 'x-user': String(id) })) }],
    [LISTS_BY_KEY, { ...to(ours, LIST), callers: workers }],
    [LISTS_CACHE_OFF, { ...to(uncached, LIST), callers }],
    ['ours: list of one user, cache off', { ...to(uncached, LIST), headers }],
    ...(other === null
      ? []
      : ([
          [LIST_OTHER, { ...to(other.plain, LIST), headers }],
          [REVEAL_OTHER, reveal(other.plain)],
          [LISTS_OTHER, { ...to(other.plain, LIST), callers }],
          [LISTS_LIMITED_OTHER, { ...to(other.limited, LIST), callers }],
          [LISTS_BY_KEY_OTHER, { ...to(other.plain, LIST), callers: workers }],
        ] as const)),
  ]);
}

export async function apiKeyOf(
  { baseUrl }: ApiProcess,
  { token }: InsertedUser,
  scopes: readonly string[] = ['platforms:read'],
): Promise<string> {
  const answer = await fetch(`${baseUrl}/v1/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'bench', scopes }),
  });
  if (answer.status !== 201) throw new Error(`An API key was answered ${answer.status}`);
  return ((await answer.json()) as { key: string }).key;
}

export function to({ baseUrl, pid }: ApiProcess, path: string): Target {
  return { url: `${baseUrl}${path}`, pid };
}

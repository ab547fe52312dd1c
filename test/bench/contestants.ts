import type { ApiProcess } from '../support/servers/api-process.js';
import type { BenchUser, Deployment } from './deployment.js';
import type { Target } from './load.js';

export const CONSTANT = 'limit: Nest + Fastify, constant';
export const INTERCEPTOR = "Nest's CacheInterceptor, nobody signed in";
export const LIST_HIT = 'ours: list, hit';
/** A user for each of the 32 connections: callers of one user share a read of Redis, or a load. */
export const LISTS_HIT = 'ours: lists of 32 users, hit';
export const LISTS_CACHE_OFF = 'ours: lists of 32 users, cache off';
const CALLERS = 32;

/** All of them answer the same list of three connections, or what is said. */
export async function contestants(
  deployment: Deployment,
  ours: ApiProcess,
  uncached: ApiProcess,
  limited: ApiProcess,
): Promise<ReadonlyMap<string, Target>> {
  const users = await deployment.addUsers(CALLERS);
  const [user] = users;
  if (user === undefined) throw new Error('No user was added');
  const signedIn = ({ token }: BenchUser) => ({ authorization: `Bearer ${token}` });
  const headers = signedIn(user);
  const callers = users.map(signedIn);
  const list = `${ours.baseUrl}/v1/platforms`;
  const one = `${list}/${user.platformId}`;
  const answer = await fetch(list, { headers });
  const body = await answer.text();
  const unchanged = async (url: string) => ({
    ...headers,
    'if-none-match': (await fetch(url, { headers })).headers.get('etag') ?? '',
  });

  const start = (file: string, env: Readonly<Record<string, string>>) =>
    deployment.startContestant(file, { BODY: body, ...env });
  const [constant, bare, raw, interceptor, bento, cacheable] = await Promise.all([
    start('constant.ts', {}),
    start('constant.ts', { KIND: 'node' }),
    start('raw-redis.ts', { KEY: `user_platforms:${user.id}` }),
    start('nest-interceptor.ts', {}),
    start('read-through.ts', { KIND: 'bento' }),
    start('read-through.ts', { KIND: 'cacheable' }),
  ]);
  return new Map<string, Target>([
    ['limit: node:http, constant', { url: `${bare.baseUrl}/` }],
    [CONSTANT, { url: `${constant.baseUrl}/constant` }],
    ['Fastify + one Redis GET, nobody signed in', { url: `${raw.baseUrl}/list` }],
    [INTERCEPTOR, { url: `${interceptor.baseUrl}/list` }],
    ['BentoCache, nobody signed in', { url: `${bento.baseUrl}/list` }],
    ['cacheable, nobody signed in', { url: `${cacheable.baseUrl}/list` }],
    [LIST_HIT, { url: list, headers }],
    ['ours: list, 304', { url: list, headers: await unchanged(list) }],
    ['ours: one, hit', { url: one, headers }],
    ['ours: one, 304', { url: one, headers: await unchanged(one) }],
    [
      'ours: reveal, hit and an audit row',
      {
        url: `${one}/credentials`,
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'To measure it' }),
      },
    ],
    [LISTS_HIT, { url: list, callers }],
    ['ours: the same, with rate limits', { url: `${limited.baseUrl}/v1/platforms`, callers }],
    [LISTS_CACHE_OFF, { url: `${uncached.baseUrl}/v1/platforms`, callers }],
    ['ours: list of one user, cache off', { url: `${uncached.baseUrl}/v1/platforms`, headers }],
  ]);
}

import type { ApiProcess } from '../support/servers/api-process.js';
import type { Deployment } from './deployment.js';
import type { Target } from './load.js';

export const CONSTANT = 'limit: Nest + Fastify, constant';
export const INTERCEPTOR = "Nest's CacheInterceptor, nobody signed in";
export const LIST_HIT = 'ours: list, hit';
export const CACHE_OFF_LIST = 'ours: list, cache off';

/** All of them answer the same list of three connections, or what is said. */
export async function contestants(
  deployment: Deployment,
  ours: ApiProcess,
  uncached: ApiProcess,
): Promise<ReadonlyMap<string, Target>> {
  const [user] = await deployment.addUsers(1);
  if (user === undefined) throw new Error('No user was added');
  const headers = { authorization: `Bearer ${user.token}` };
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
    [CACHE_OFF_LIST, { url: `${uncached.baseUrl}/v1/platforms`, headers }],
  ]);
}

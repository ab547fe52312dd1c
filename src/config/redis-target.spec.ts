import { describe, expect, it } from '@jest/globals';
import { redisTarget, withSentinelLogin } from './redis-target.js';

const SENTINEL = { kind: 'sentinel', database: 0, login: null } as const;

describe('REDIS_URL', () => {
  it.each([
    ['redis://cache', { kind: 'single', url: 'redis://cache' }],
    ['rediss://u:p%40ss@cache:6380/3', { kind: 'single', url: 'rediss://u:p%40ss@cache:6380/3' }],
    ['redis://a:1, redis://b:2', { kind: 'cluster', urls: ['redis://a:1', 'redis://b:2'] }],
    ['redis://a/0,redis://b/0', { kind: 'cluster', urls: ['redis://a/0', 'redis://b/0'] }],
    [
      'redis+sentinel://s:26379/main',
      {
        ...SENTINEL,
        urls: ['redis+sentinel://s:26379/main'],
        master: 'main',
      },
    ],
    [
      'redis+sentinel://s/main/3',
      { ...SENTINEL, urls: ['redis+sentinel://s/main/3'], master: 'main', database: 3 },
    ],
    ['unix:///run/redis.sock', { kind: 'single', url: 'unix:///run/redis.sock' }],
    [
      'unix://u:p%40ss%2F@/run/a,b/redis.sock?db=3',
      { kind: 'single', url: 'unix://u:p%40ss%2F@/run/a,b/redis.sock?db=3' },
    ],
    ['redis://:p@ss@cache', { kind: 'single', url: 'redis://:p@ss@cache' }],
    [
      'rediss+sentinel://u:p@s1/main,rediss+sentinel://u:p@s2/main',
      {
        ...SENTINEL,
        urls: ['rediss+sentinel://u:p@s1/main', 'rediss+sentinel://u:p@s2/main'],
        master: 'main',
      },
    ],
  ])('%s names its servers', (text, target) => {
    expect(redisTarget.parse(text)).toEqual(target);
  });

  it.each([
    ['cache:6379', 'must be a redis://'],
    ['http://cache', 'must be a redis://'],
    ['redis://', 'must be a redis://'],
    ['redis://a,', 'must be a redis://'],
    ['redis://a,rediss://b', 'the same scheme'],
    ['redis://u:secret@a,redis://b', 'the same scheme, user, password'],
    ['redis://a/cache', 'no path but a database number'],
    ['redis://a/2,redis://b/2', 'database number'],
    ['redis+sentinel://s:26379', 'must name the master'],
    ['redis://:secret%zz@cache', 'percent-encode user and password'],
    ['redis://:secret/1@cache', 'percent-encode user and password'],
    ['redis://:secret,1@cache', 'percent-encode user and password'],
    ['redis://:secret#1@cache', 'percent-encode user and password'],
    ['redis://cache?db=3', 'a database number is the path'],
    ['redis+sentinel://s/main/three', 'must name the master'],
    ['unix://run/redis.sock', 'must be unix:///path/to/socket'],
    ['unix:///run/redis.sock?database=3', 'must be unix:///path/to/socket'],
    ['unix:///run/a.sock,unix:///run/b.sock?db', 'must be unix:///path/to/socket'],
    ['redis+sentinel://s1/one,redis+sentinel://s2/two', 'the same scheme'],
  ])('%s is refused, with the reason and without a password', (text, reason) => {
    const { error } = redisTarget.safeParse(text);
    const [issue] = error?.issues ?? [];
    expect(issue?.message).toContain(reason);
    expect(issue?.message).not.toContain('secret');
  });

  it('takes the login of sentinels only for sentinels', () => {
    const sentinels = redisTarget.parse('redis+sentinel://u:p@s/main');
    const login = { username: 'watcher', password: 'other' };
    expect(withSentinelLogin(sentinels, 'watcher', 'other')).toMatchObject({ login });
    expect(withSentinelLogin(sentinels, undefined, 'other')).toMatchObject({ login: { password: 'other' } });
    expect(withSentinelLogin(sentinels, 'watcher', undefined)).toBe(sentinels);
    const single = redisTarget.parse('redis://cache');
    expect(withSentinelLogin(single, 'watcher', 'other')).toBe(single);
  });
});

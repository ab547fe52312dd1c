import { describe, expect, it } from '@jest/globals';
import { redisTarget } from './redis-target.js';

describe('REDIS_URL', () => {
  it.each([
    ['redis://cache', { kind: 'single', url: 'redis://cache' }],
    ['rediss://u:p%40ss@cache:6380/3', { kind: 'single', url: 'rediss://u:p%40ss@cache:6380/3' }],
    ['redis://a:1, redis://b:2', { kind: 'cluster', urls: ['redis://a:1', 'redis://b:2'] }],
    ['redis://a/0,redis://b/0', { kind: 'cluster', urls: ['redis://a/0', 'redis://b/0'] }],
    [
      'redis+sentinel://s:26379/main',
      { kind: 'sentinel', urls: ['redis+sentinel://s:26379/main'], master: 'main' },
    ],
    [
      'rediss+sentinel://u:p@s1/main,rediss+sentinel://u:p@s2/main',
      {
        kind: 'sentinel',
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
    ['redis+sentinel://s1/one,redis+sentinel://s2/two', 'the same scheme'],
  ])('%s is refused, with the reason and without a password', (text, reason) => {
    const { error } = redisTarget.safeParse(text);
    const [issue] = error?.issues ?? [];
    expect(issue?.message).toContain(reason);
    expect(issue?.message).not.toContain('secret');
  });
});

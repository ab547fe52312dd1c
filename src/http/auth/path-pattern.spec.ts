import { describe, expect, it } from '@jest/globals';
import { isPathPattern, matchesPath } from './path-pattern.js';

describe('matchesPath', () => {
  it.each([
    ['/api/v1/statuses', '/api/v1/statuses'],
    ['/api/v1/statuses/*', '/api/v1/statuses/1'],
    ['/api/*/media', '/api/v2/media'],
    ['/api/**', '/api/v1/statuses/1/context'],
    ['/api/**', '/api/'],
    ['/**', '/'],
    ['/api/v1/', '/api/v1/'],
  ])('%s allows %s', (pattern, path) => expect(matchesPath(pattern, path)).toBe(true));

  it.each([
    ['/api/v1/statuses', '/api/v1/statuses/1'],
    ['/api/v1/statuses', '/api/v1/statuses/'],
    ['/api/v1/statuses/*', '/api/v1/statuses'],
    ['/api/v1/statuses/*', '/api/v1/statuses/'],
    ['/api/v1/statuses/*', '/api/v1/statuses/1/context'],
    ['/api/**', '/api'],
    ['/api/**', '/apis/v1'],
    ['/api/v1/statuses', '/API/v1/statuses'],
  ])('%s does not allow %s', (pattern, path) => expect(matchesPath(pattern, path)).toBe(false));
});

describe('isPathPattern', () => {
  it.each(['/', '/**', '/api/v1/statuses', '/api/*/media/**', '/@alice', '/api/'])('takes %s', (text) =>
    expect(isPathPattern(text)).toBe(true),
  );

  it.each([
    '',
    'api',
    '/a*b',
    '/**/x',
    '/a//b',
    '/../x',
    '/a/..',
    '/a/./b',
    '/a?x',
    '/a#b',
    '/%61',
    '/a b',
    '/***',
  ])('refuses %s', (text) => expect(isPathPattern(text)).toBe(false));
});

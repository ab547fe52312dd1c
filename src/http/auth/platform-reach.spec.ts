import { describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import type { AuthUser } from './auth-user.js';
import { KeyPolicy } from './key-policy.js';
import { NarrowedToPolicy, permitsReach, platformReach } from './platform-reach.js';

@Controller('v1/platforms')
class Platforms {
  @Get()
  list(): void {}

  @Get('default')
  @NarrowedToPolicy()
  narrowed(): void {}

  @Get(':id')
  one(): void {}

  @Get(':platformId/parts/:id')
  @NarrowedToPolicy()
  part(): void {}
}

@Controller('v1/platforms/:id/avatar')
class OfOne {
  @Get()
  get(): void {}
}

@Controller('v1/other')
class Other {
  @Get(':id')
  one(): void {}
}

const { list, narrowed, one, part } = Platforms.prototype;

describe('platformReach', () => {
  it.each([
    ['a path that names no connection', Platforms, list, { kind: 'any' }],
    ['an id of something else', Other, Other.prototype.one, { kind: 'any' }],
    ['a handler that narrows', Platforms, narrowed, { kind: 'narrowed' }],
    ['a parameter of the handler', Platforms, one, { kind: 'parameter', name: 'id' }],
    ['a parameter of the controller', OfOne, OfOne.prototype.get, { kind: 'parameter', name: 'id' }],
    ['a parameter of a handler that narrows', Platforms, part, { kind: 'parameter', name: 'platformId' }],
  ])('finds %s', (_what, controller, handler, reach) => {
    expect(platformReach(controller, handler)).toEqual(reach);
  });
});

describe('permitsReach', () => {
  const key = (policy?: KeyPolicy): AuthUser => ({
    id: 1,
    role: 'user',
    scopes: [],
    ...(policy && { policy }),
  });
  const limited = key(new KeyPolicy({ platformIds: [7, 1000] }));
  const parameter = { kind: 'parameter', name: 'id' } as const;

  it.each<[string, string | undefined, boolean]>([
    ['a connection of the policy', '7', true],
    ['another', '8', false],
    ['no number', 'default', false],
    ['another spelling of a number', '1e3', false],
    ['a number with zeros', '007', false],
    ['no parameter of this name', undefined, false],
  ])('answers for %s', (_what, id, permitted) => {
    expect(permitsReach(limited, parameter, { id })).toBe(permitted);
  });

  it('lets a limited key use a route without a connection only if that narrows', () => {
    expect(permitsReach(limited, { kind: 'any' }, {})).toBe(false);
    expect(permitsReach(limited, { kind: 'narrowed' }, {})).toBe(true);
  });

  it('lets a key use every route that is limited to addresses, to nothing, or has no policy', () => {
    for (const policy of [undefined, new KeyPolicy({}), new KeyPolicy({ addresses: ['203.0.113.7'] })]) {
      expect(permitsReach(key(policy), { kind: 'any' }, {})).toBe(true);
      expect(permitsReach(key(policy), parameter, { id: '8' })).toBe(true);
    }
  });

  it('lets a key that is limited to no connections use none', () => {
    expect(permitsReach(key(new KeyPolicy({ platformIds: [] })), parameter, { id: '7' })).toBe(false);
  });
});

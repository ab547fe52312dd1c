import { describe, expect, it, jest } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Clock } from '../common/clock.js';
import type { AppConfig } from '../config/app-config.js';
import type { SecondFactors } from '../factors/second-factors.js';
import { Authenticated, Public } from '../http/auth/access.js';
import type { AuthUser, Scope } from '../http/auth/auth-user.js';
import { Forbidden, InvalidAccessToken, Unauthenticated } from '../http/auth/auth.errors.js';
import { AuthenticatedGuard } from './authenticated.guard.js';
import type { TokenVerifier } from './token-verifier.js';

class Routes {
  @Public()
  open(): void {}

  unmarked(): void {}

  @Authenticated()
  session(): void {}

  @Authenticated('platforms:read')
  scoped(): void {}

  @Authenticated('admin')
  admin(): void {}
}

type Route = keyof Routes;

const PERSON: AuthUser = { id: 7, role: 'user', scopes: 'all' };
const ADMIN: AuthUser = { id: 8, role: 'admin', scopes: 'all' };
const apiKey = (...scopes: Scope[]): AuthUser => ({ id: 8, role: 'admin', scopes });

const routes = new Routes();

function request(authorization?: string, socket = {}): { raw: object; user?: AuthUser } {
  return { raw: { headers: authorization === undefined ? {} : { authorization }, socket } };
}

function contextOf(route: Route, incoming: object): ExecutionContext {
  return {
    getClass: () => Routes,
    getHandler: () => routes[route],
    switchToHttp: () => ({ getRequest: () => incoming }),
  } as unknown as ExecutionContext;
}

function guardFor(verify: TokenVerifier['verify'], reflector = new Reflector()): AuthenticatedGuard {
  const [factors, config] = [{} as SecondFactors, { adminSecondFactorRequired: false } as AppConfig];
  return new AuthenticatedGuard(reflector, { verify } as TokenVerifier, new Clock(), factors, config);
}

function headersOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    if (error instanceof Unauthenticated || error instanceof Forbidden) return error.headers;
  }
  return undefined;
}

describe('AuthenticatedGuard', () => {
  it('lets anybody through a public route, and does not look at the token', () => {
    const verify = jest.fn<TokenVerifier['verify']>();
    expect(guardFor(verify).canActivate(contextOf('open', request('Bearer junk')))).toBe(true);
    expect(verify).not.toHaveBeenCalled();
  });

  it.each<Route>(['unmarked', 'session', 'scoped', 'admin'])('closes %s to nobody in particular', (route) => {
    const guard = guardFor(() => ADMIN);
    for (const authorization of [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Basic YTpi',
      'Bearer a b',
      'Bearerabc',
    ]) {
      expect(() => guard.canActivate(contextOf(route, request(authorization)))).toThrow(Unauthenticated);
    }
  });

  it('passes the token on, whatever the case of the scheme', () => {
    const verify = jest.fn<TokenVerifier['verify']>(() => PERSON);
    const incoming = request('bEARER a.b.c');
    void guardFor(verify).canActivate(contextOf('session', incoming));
    expect(verify.mock.calls).toEqual([['a.b.c', incoming]]);
  });

  it('takes each request of a connection by its own header', () => {
    const verify = jest.fn<TokenVerifier['verify']>(() => PERSON);
    const guard = guardFor(verify);
    const socket = {};
    const send = (authorization?: string) =>
      guard.canActivate(contextOf('session', request(authorization, socket)));
    for (const token of ['a.b.c', 'a.b.c', 'a.b.d', 'a.b.c']) void send(`Bearer ${token}`);
    for (const authorization of [undefined, 'Bearer', 'Bearer']) {
      expect(() => send(authorization)).toThrow(Unauthenticated);
    }
    void send('Bearer a.b.c');
    expect(verify.mock.calls.map(([token]) => token)).toEqual(['a.b.c', 'a.b.c', 'a.b.d', 'a.b.c', 'a.b.c']);
  });

  it('answers without a promise when the token is remembered, with one when it is not', async () => {
    for (const verify of [() => PERSON, () => Promise.resolve(PERSON)]) {
      const incoming = request('Bearer a.b.c');
      const answer = guardFor(verify).canActivate(contextOf('session', incoming));
      expect(answer instanceof Promise).toBe(verify() instanceof Promise);
      expect(await answer).toBe(true);
      expect(incoming.user).toBe(PERSON);
    }
  });

  it.each<[Route, string, AuthUser, boolean]>([
    ['unmarked', 'a session', PERSON, true],
    ['unmarked', 'an API key', apiKey('platforms:read'), false],
    ['session', 'a session', PERSON, true],
    ['session', 'an API key', apiKey('platforms:read'), false],
    ['scoped', 'a session', PERSON, true],
    ['scoped', 'an API key that has the scope', apiKey('activities:write', 'platforms:read'), true],
    ['scoped', 'an API key that has others', apiKey('platforms:write'), false],
    ['scoped', 'an API key that has none', apiKey(), false],
    ['admin', 'an admin', ADMIN, true],
    ['admin', 'somebody else', PERSON, false],
    ['admin', 'an API key of an admin', apiKey('platforms:read'), false],
  ])('%s: %s (%j) may pass: %s', async (route, _who, user, passes) => {
    for (const verify of [() => user, () => Promise.resolve(user)]) {
      const incoming = request('Bearer a.b.c');
      const answer = Promise.resolve().then(() => guardFor(verify).canActivate(contextOf(route, incoming)));
      if (passes) {
        await expect(answer).resolves.toBe(true);
      } else {
        await expect(answer).rejects.toThrow(Forbidden);
        expect(incoming.user).toBeUndefined();
      }
    }
  });

  it('challenges as RFC 6750 says', () => {
    const challenge = (verify: TokenVerifier['verify'], route: Route, authorization?: string) =>
      headersOf(() => guardFor(verify).canActivate(contextOf(route, request(authorization))));
    const refuse = () => {
      throw new InvalidAccessToken();
    };
    const realm = 'Bearer realm="platform-manager"';

    expect(challenge(refuse, 'session')).toEqual({ 'WWW-Authenticate': realm });
    expect(challenge(refuse, 'session', 'Bearer x')).toEqual({
      'WWW-Authenticate': `${realm}, error="invalid_token"`,
    });
    expect(challenge(() => apiKey(), 'scoped', 'Bearer x')).toEqual({
      'WWW-Authenticate': `${realm}, error="insufficient_scope", scope="platforms:read"`,
    });
    expect(challenge(() => PERSON, 'admin', 'Bearer x')).toEqual({
      'WWW-Authenticate': `${realm}, error="insufficient_scope"`,
    });
  });

  it('reads the metadata of a handler once', () => {
    const reflector = new Reflector();
    const get = jest.spyOn(reflector, 'get');
    const guard = guardFor(() => PERSON, reflector);
    for (let call = 0; call < 3; call++) void guard.canActivate(contextOf('scoped', request('Bearer a.b.c')));
    // Its access, and whether it asks for a recent sign-in.
    expect(get).toHaveBeenCalledTimes(2);
  });
});

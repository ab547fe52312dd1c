import type { TestApp } from '../../support/app.js';
import { type Person, type PlatformInput, platformInput } from '../../support/factories.js';
import type { FakeInstance } from '../../support/fake-instance/fake-instance.js';
import type { FakeIssuer } from '../../support/fake-issuer.js';
import type { TestResponse } from '../../support/http-client.js';

/** Whom and what the secrets are put through. */
export interface Canary {
  readonly app: TestApp;
  readonly owner: Person;
  readonly admin: Person;
  readonly platformId: number;
  readonly instance: FakeInstance;
  readonly issuer: FakeIssuer;
}

/** Of no connection. */
export const NOWHERE = 2_000_000_000;

/** What the owner types for an account at the instance, which knows its token. */
export function inputOf({ app, instance }: Canary, own: Partial<PlatformInput> = {}): PlatformInput {
  const input = platformInput(app.backends.secrets, {
    platformType: 'pleroma',
    instanceUrl: instance.origin,
    ...own,
  });
  instance.addToken(input.accessToken);
  return input;
}

/** A connection of the owner's; where none can be made, one that is not there. */
export async function newPlatform(canary: Canary, own: Partial<PlatformInput> = {}): Promise<number> {
  const answer = await canary.owner.client.post('/v1/platforms', inputOf(canary, own));
  return answer.status === 201 ? answer.json<{ id: number }>().id : NOWHERE;
}

/** Path and query, and the cookie, with which a browser comes back from the consent page. */
export interface Consent {
  readonly path: string;
  readonly cookie: string;
}

/** Begins to connect and consents; where that cannot be begun, with a state that nobody knows. */
export function beginToConnect(canary: Canary): Promise<Consent> {
  return consentTo(canary, '/v1/connect', {});
}

/** @param body the instance is added. */
export async function consentTo(
  { app, owner, instance }: Canary,
  route: string,
  body: object,
): Promise<Consent> {
  const { secrets } = app.backends;
  const client = route === '/v1/connect' ? owner.client : app.client;
  const begun = await client.post(route, { ...body, instance: instance.origin });
  if (begun.status !== 200) {
    return {
      path: `/v1/connect/callback/key?state=${secrets.make('oauth-state')}&code=${secrets.make('code')}`,
      cookie: `pm_connect_x=${secrets.make('the-browser')}`,
    };
  }
  const { authorizationUrl } = begun.json<{ authorizationUrl: string }>();
  const consent = await fetch(authorizationUrl, { redirect: 'manual' });
  const { pathname, search } = new URL(consent.headers.get('location') ?? '');
  return { path: pathname + search, cookie: begun.header('set-cookie')?.split(';', 1)[0] ?? '' };
}

/** The secret of a connect link; where none can be made, one that nobody knows. */
export async function linkOf(
  { owner }: Canary,
  make: (what: string) => string,
  maker = owner.client,
): Promise<string> {
  const made = await maker.post('/v1/connect/links', { externalUserId: 'customer-1' });
  return made.status === 201 ? new URL(made.json<{ url: string }>().url).hash.slice(1) : make('link');
}

export function comeBack({ app }: Canary, { path, cookie }: Consent): Promise<TestResponse> {
  return app.client.get(path, { Cookie: cookie, Accept: 'application/json' });
}

/** Comes back, and finishes as the owner; where nothing can be finished, with an attempt that nobody knows. */
export async function finishToConnect(canary: Canary, consent: Consent): Promise<TestResponse> {
  const { app, owner } = canary;
  const back = await comeBack(canary, consent);
  const { attempt } =
    back.status === 200
      ? back.json<{ attempt: string }>()
      : { attempt: app.backends.secrets.make('attempt') };
  return owner.client.post('/v1/connect/finish', { attempt }, { Cookie: consent.cookie });
}

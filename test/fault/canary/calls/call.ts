import { unique } from '../../../support/factories.js';
import type { TestResponse } from '../../../support/http-client.js';
import { type Canary, NOWHERE } from '../canary.js';

/** @param make a new secret, which the answers, logs and stores are searched for. */
export type Call = (canary: Canary, make: (what: string) => string) => Promise<TestResponse>;

/** By operation of the OpenAPI document. */
export type Calls = Readonly<Record<string, readonly Call[]>>;

/** Of a worker, where none can be made. */
export const NO_KEY = { id: NOWHERE, key: `pmk_AAAAAAAA_${'x'.repeat(43)}` };

/** Somebody whose sessions may end. With tokens that are none while nobody can register. */
export async function newcomer({ app }: Canary, make: (what: string) => string) {
  const password = make('password');
  const answer = await app.client.post('/v1/auth/register', { email: `${unique()}@example.org`, password });
  const none = { user: { id: NOWHERE }, accessToken: 'none', refreshToken: 'none', password };
  return { ...none, ...answer.json<Partial<typeof none>>() };
}

import { expect } from '@jest/globals';
import type { Answer, Caller } from './connect-app.js';
import type { FakeInstance } from './fake-instance.js';

export interface Begun {
  readonly answer: Answer;
  readonly authorizationUrl: string;
  /** Where the instance sends the browser back to. */
  readonly callback: string;
}

/** `POST /v1/connect`, and consent at the instance. */
export async function begin(caller: Caller, fake: FakeInstance, more: object = {}): Promise<Begun> {
  const answer = await caller.send('POST', '/v1/connect', { instance: fake.origin, ...more });
  expect(answer.status).toBe(200);
  const authorizationUrl = String(answer.body.authorizationUrl);
  const consent = await caller.send('GET', authorizationUrl);
  return { answer, authorizationUrl, callback: consent.headers.get('location') ?? '' };
}

/** The browser has the cookies of the caller, and no bearer token. */
export function browserOf(caller: Caller): Caller {
  return caller.browser();
}

/** The callback, once the instance has sent the browser back, and with the cookie that it has by then. */
export async function finish(caller: Caller, begun: Promise<Begun>): Promise<Answer> {
  const { callback } = await begun;
  return browserOf(caller).send('GET', callback);
}

export async function listOf(caller: Caller): Promise<Record<string, unknown>[]> {
  return (await caller.send<Record<string, unknown>[]>('GET', '/v1/platforms')).body;
}

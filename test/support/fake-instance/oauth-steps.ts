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

/** The callback, as a page asks that wants to know the attempt. */
export async function comeBack(caller: Caller, { callback }: Pick<Begun, 'callback'>): Promise<Answer> {
  return browserOf(caller).send('GET', callback, undefined, { Accept: 'application/json' });
}

/** The attempt, once the instance has sent the browser back. */
export async function attemptOf(caller: Caller, begun: Pick<Begun, 'callback'>): Promise<string> {
  const { status, body } = await comeBack(caller, begun);
  expect(status).toBe(200);
  return String(body.attempt);
}

export function finishAttempt(caller: Caller, attempt: string): Promise<Answer> {
  return caller.send('POST', '/v1/connect/finish', { attempt });
}

/** The callback, and what the page of the signed-in user does then, with the cookies that it has by then. */
export async function finish(caller: Caller, begun: Promise<Pick<Begun, 'callback'>>): Promise<Answer> {
  return finishAttempt(caller, await attemptOf(caller, await begun));
}

export async function listOf(caller: Caller): Promise<Record<string, unknown>[]> {
  return (await caller.send<Record<string, unknown>[]>('GET', '/v1/platforms')).body;
}

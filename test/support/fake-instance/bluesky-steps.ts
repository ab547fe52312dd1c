import { expect } from '@jest/globals';
import type { Caller } from './connect-app.js';
import { comeBack, finishAttempt } from './oauth-steps.js';

/** `POST /v1/connect`, and consent at the server. @returns the callback. */
export async function beginBluesky(caller: Caller, instance: string, more: object = {}): Promise<string> {
  const answer = await caller.send('POST', '/v1/connect', { instance, ...more });
  expect(answer).toMatchObject({ status: 200 });
  const consent = await caller.send('GET', String(answer.body.authorizationUrl));
  return consent.headers.get('location') ?? '';
}

export async function blueskyAttempt(caller: Caller, instance: string, more: object = {}): Promise<string> {
  const answered = await comeBack(caller, { callback: await beginBluesky(caller, instance, more) });
  expect(answered.status).toBe(200);
  return String(answered.body.attempt);
}

/** @returns the id of the connection. */
export async function connectBluesky(caller: Caller, instance: string): Promise<number> {
  const done = await finishAttempt(caller, await blueskyAttempt(caller, instance));
  expect(done).toMatchObject({ status: 200, body: { outcome: 'connected' } });
  return Number(done.body.platformId);
}

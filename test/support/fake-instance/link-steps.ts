import { expect } from '@jest/globals';
import type { Answer, Caller } from './connect-app.js';

/** What the owner of a connect link does, and what somebody without an account does with it. */

export async function makeLink(owner: Caller, more: object = {}): Promise<{ id: number; link: string }> {
  const body = { externalUserId: 'customer-1', ...more };
  const made = await owner.send<{ id: number; url: string }>('POST', '/v1/connect/links', body);
  expect(made.status).toBe(201);
  return { id: made.body.id, link: new URL(made.body.url).hash.slice(1) };
}

export function showLink(guest: Caller, link: string): Promise<Answer> {
  return guest.send('POST', '/v1/connect/guest', { link });
}

export function beginWithLink(guest: Caller, link: string, instance?: string): Promise<Answer> {
  return guest.send('POST', '/v1/connect/guest/begin', { link, instance });
}

/** The attempt, after consent at the instance. */
export async function consentWithLink(guest: Caller, link: string, instance?: string): Promise<string> {
  const begun = await beginWithLink(guest, link, instance);
  expect(begun.status).toBe(200);
  const consent = await guest.send('GET', String(begun.body.authorizationUrl));
  const back = await guest.send('GET', consent.headers.get('location') ?? '');
  expect(back.status).toBe(303);
  const page = new URL(back.headers.get('location') ?? '');
  expect(page.pathname).toBe('/console/connect');
  return page.searchParams.get('attempt') ?? '';
}

export function finishAsGuest(guest: Caller, attempt: string): Promise<Answer> {
  return guest.send('POST', '/v1/connect/guest/finish', { attempt });
}

interface Listed {
  readonly id: number;
  readonly labels: Record<string, string>;
  readonly status: string;
  readonly username: string | null;
}

/** What the owner has of a person, by their own id of them. */
export async function connectionsOf(owner: Caller, person: string): Promise<Listed[]> {
  return (await owner.send<Listed[]>('GET', `/v1/platforms?label=external-user=${person}`)).body;
}

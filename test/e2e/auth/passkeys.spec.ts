import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, type Session, register } from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';
import { SoftwarePasskey, addPasskey, passkeyAnswer, usePasskey } from '../../support/software-passkey.js';

let app: TestApp;

beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

interface Added {
  readonly id: number;
  readonly recoveryCodes: readonly string[];
}

const newPerson = (): Promise<Person> => register(app.client, app.backends.secrets);
const signIn = ({ email, password }: Person, code?: string): Promise<TestResponse> =>
  app.client.post('/v1/auth/login', { email, password, code });
const use = (passkey: SoftwarePasskey): Promise<TestResponse> => usePasskey(app.client, passkey);

async function withPasskey(): Promise<{ person: Person; passkey: SoftwarePasskey; added: Added }> {
  const [person, passkey] = [await newPerson(), new SoftwarePasskey()];
  const answer = await addPasskey(person.client, passkey);
  expect(answer.status).toBe(201);
  return { person, passkey, added: answer.json<Added>() };
}

describe('a passkey', () => {
  it('signs in without a password, and is listed, renamed and removed by its person only', async () => {
    const { person, passkey, added } = await withPasskey();
    const session = await use(passkey);
    expect(session.json()).toMatchObject({ user: { id: person.id, email: person.email } });
    const own = app.client.as(session.json<Session>());
    expect((await own.get('/v1/me/passkeys')).json()).toMatchObject([
      { id: added.id, name: 'My laptop', lastUsedAt: expect.stringMatching(/Z$/) },
    ]);
    const trail = await own.get('/v1/audit?action=session.begin');
    expect(trail.json()).toMatchObject({ entries: [{ outcome: 'done', detail: `Passkey ${added.id}` }] });
    expect((await own.get('/v1/me/export')).json()).toMatchObject({ passkeys: [{ name: 'My laptop' }] });

    const path = `/v1/me/passkeys/${added.id}`;
    const stranger = await newPerson();
    expectProblem(await stranger.client.patch(path, { name: 'Mine' }), 404, 'passkey_not_found');
    expectProblem(await stranger.client.delete(path), 404, 'passkey_not_found');
    expect((await own.patch(path, { name: 'A key' })).json()).toMatchObject({ name: 'A key' });
    expect((await own.delete(path)).status).toBe(204);
    expectProblem(await use(passkey), 403, 'passkey_refused');
    expect((await signIn(person)).status).toBe(200);
  });

  it('is a second factor: the password alone is not enough, and the first one comes with recovery codes', async () => {
    const { person, added } = await withPasskey();
    expect(added.recoveryCodes).toHaveLength(10);
    expectProblem(await signIn(person), 403, 'second_factor_required');
    expectProblem(await signIn(person, '123456'), 403, 'wrong_code');
    expect((await signIn(person, added.recoveryCodes[0])).status).toBe(200);
    const second = (await addPasskey(person.client)).json<Added>();
    expect(second.recoveryCodes).toEqual([]);
    await person.client.delete(`/v1/me/passkeys/${added.id}`);
    expect((await signIn(person, added.recoveryCodes[1])).status).toBe(200);
    await person.client.delete(`/v1/me/passkeys/${second.id}`);
    expect((await person.client.get('/v1/me/totp')).json()).toMatchObject({ recoveryCodesLeft: 0 });
  });

  it('is refused with an answer of another site, to an old challenge, from a stranger, or without its person', async () => {
    const { person, passkey } = await withPasskey();
    const signInWith = (response: object): Promise<TestResponse> =>
      app.client.post('/v1/auth/passkey', { response });
    const answer = await passkeyAnswer(app.client, passkey);
    expect((await signInWith(answer)).status).toBe(200);
    expectProblem(await signInWith(answer), 403, 'passkey_refused');

    const late = await passkeyAnswer(app.client, passkey);
    await app.backends.rows('UPDATE webauthn_challenges SET expires_at = now()');
    expectProblem(await signInWith(late), 403, 'passkey_refused');

    const copy = await passkeyAnswer(app.client, new SoftwarePasskey());
    expectProblem(await signInWith({ ...copy, id: passkey.id, rawId: passkey.id }), 403, 'passkey_refused');
    expectProblem(await use(new SoftwarePasskey()), 403, 'passkey_refused');
    passkey.verified = false;
    expectProblem(await use(passkey), 403, 'passkey_refused');
    passkey.verified = true;
    const elsewhere = new SoftwarePasskey('https://elsewhere.example');
    expectProblem(await addPasskey(person.client, elsewhere), 403, 'passkey_refused');
    for (const response of [{}, { id: 1 }, { id: 'x', rawId: 'x', type: 'public-key', response: {} }])
      expectProblem(await signInWith(response), 403, 'passkey_refused');
    expect((await use(passkey)).status).toBe(200);
  });

  it('of a device that counts its uses is refused when the count does not grow, as a copy’s does not', async () => {
    const { passkey } = await withPasskey();
    for (const [counter, status] of [
      [5, 200],
      [5, 403],
      [4, 403],
      [6, 200],
    ] as const) {
      passkey.counter = counter;
      expect([counter, (await use(passkey)).status]).toEqual([counter, status]);
    }
  });

  it('is registered with the person’s own challenge only, and once', async () => {
    const [one, other] = [await newPerson(), await newPerson()];
    const options = await one.client.post('/v1/me/passkeys/options');
    const passkey = new SoftwarePasskey();
    const response = passkey.create(options.json<{ publicKey: { challenge: string } }>().publicKey);
    const body = { name: 'x', response };
    expectProblem(await other.client.post('/v1/me/passkeys', body), 403, 'passkey_refused');
    expect((await one.client.post('/v1/me/passkeys', body)).status).toBe(201);
    expectProblem(await one.client.post('/v1/me/passkeys', body), 403, 'passkey_refused');
    expectProblem(await addPasskey(other.client, passkey), 403, 'passkey_refused');
  });

  it('confirms its own person’s session of long ago', async () => {
    const { person, passkey, added } = await withPasskey();
    const other = await withPasskey();
    const remove = (): Promise<TestResponse> => person.client.delete(`/v1/me/passkeys/${added.id}`);
    await app.backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = $1`,
      [person.id],
    );
    const options = (): Promise<TestResponse> => person.client.post('/v1/me/passkeys/options');
    await waitUntil(async () => (await options()).status === 403, {
      ...{ timeoutMs: 10_000, intervalMs: 50, what: 'the process to know' },
    });
    expectProblem(await remove(), 403, 'recent_sign_in_required');
    const confirm = async (by: SoftwarePasskey): Promise<TestResponse> =>
      person.client.post('/v1/auth/confirm', { passkey: await passkeyAnswer(app.client, by) });
    expectProblem(await confirm(other.passkey), 403, 'passkey_refused');
    expect((await confirm(passkey)).status).toBe(200);
    expect((await remove()).status).toBe(204);
  });

  it('of a disabled account lets nobody in', async () => {
    const { person, passkey } = await withPasskey();
    await app.backends.rows('UPDATE users SET disabled_at = now() WHERE id = $1', [person.id]);
    expectProblem(await use(passkey), 403, 'sign_in_disabled');
  });
});

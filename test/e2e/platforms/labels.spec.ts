import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../support/app.js';
import {
  createPlatform,
  type Person,
  type PlatformInput,
  platformInput,
  type PlatformJson,
  register,
  signAccessToken,
} from '../../support/factories.js';
import type { TestResponse } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';

let app: TestApp;
let ada: Person;

beforeAll(async () => {
  app = await startTestApp();
});
beforeEach(async () => {
  ada = await register(app.client, app.backends.secrets);
});
afterAll(() => app.close());

const create = (own: Partial<PlatformInput> = {}): Promise<PlatformJson> =>
  createPlatform(ada, app.backends.secrets, own);
const namesOf = (answer: TestResponse): string[] => answer.json<PlatformJson[]>().map(({ name }) => name);
const found = async (...labels: string[]): Promise<string[]> =>
  namesOf(
    await ada.client.get(
      `/v1/platforms?${labels.map((one) => `label=${encodeURIComponent(one)}`).join('&')}`,
    ),
  );

describe('labels', () => {
  it('are shown as they were given, in normal form; a change replaces all of them, and null clears them', async () => {
    const { id, ...created } = await create({
      labels: { customer: ' Cafe\u0301 ', 'team/region.x': 'a=b, "c"' },
    });
    expect(created.labels).toEqual({ customer: 'Caf\u00e9', 'team/region.x': 'a=b, "c"' });
    const change = async (body: object) =>
      (await ada.client.patch(`/v1/platforms/${id}`, body)).json<PlatformJson>();
    expect(await change({ name: 'other' })).toMatchObject({ labels: created.labels, version: 2 });
    expect(await change({ labels: { customer: 'x' } })).toMatchObject({
      labels: { customer: 'x' },
      version: 3,
    });
    expect(await change({ labels: null })).toMatchObject({ labels: {}, version: 4 });
    expect((await ada.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({ labels: {} });
  });

  it('filter the list by key, by key and value, and by several at once', async () => {
    await create({ name: 'a', labels: { customer: 'acme', env: 'a=b' } });
    await create({ name: 'b', labels: { customer: 'acme', env: 'live' } });
    await create({ name: 'c' });
    await create({ name: 'd' });
    expect(await found('customer')).toEqual(['a', 'b']);
    expect(await found('customer=acme', 'env=live')).toEqual(['b']);
    expect(await found('env=a=b')).toEqual(['a']);
    expect(await found('tostring')).toEqual([]);
    expect(await found('customer=ACME')).toEqual([]);
  });

  it('stay in the link to the next page', async () => {
    for (const name of ['a', 'b', 'c', 'd'])
      await create({ name, labels: { x: '1', ...(name !== 'b' && { y: '2' }) } });
    const first = await ada.client.get('/v1/platforms?label=x&label=y%3D2&limit=2');
    expect(namesOf(first)).toEqual(['a', 'c']);
    const next = /^<(.+)>; rel="next"$/.exec(first.header('link') ?? '')?.[1] ?? '';
    expect(namesOf(await ada.client.get(next))).toEqual(['d']);
  });

  it.each<[string, unknown]>([
    ['a list', ['a']],
    ['a text', 'customer=acme'],
    ['21 of them', Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`key${n}`, 'x']))],
    ['an empty key', { '': 'x' }],
    ['a key with =', { 'a=b': 'x' }],
    ['a key in capitals', { Customer: 'x' }],
    ['a key of 64 characters', { ['x'.repeat(64)]: 'x' }],
    ['an empty value', { a: ' ' }],
    ['a value with nothing to see', { a: '\u200b' }],
    ['a value of 201 characters', { a: 'x'.repeat(201) }],
    ['a value with a line break', { a: 'x\ny' }],
    ['half a surrogate pair', { a: '\ud800' }],
    ['a number', { a: 1 }],
    ['an object as value', { a: { b: 'c' } }],
  ])('are refused when there is %s', async (_, labels) => {
    const body = { ...platformInput(app.backends.secrets), labels };
    expectProblem(await ada.client.post('/v1/platforms', body), 400, 'validation_failed', ['/labels']);
    expect(namesOf(await ada.client.get('/v1/platforms'))).toEqual([]);
  });

  it.each(['constructor', 'prototype'])('are not lost for a key %s: the body is refused', async (key) => {
    const body = { ...platformInput(app.backends.secrets), labels: { [key]: 'x' } };
    expectProblem(await ada.client.post('/v1/platforms', body), 400, 'validation_failed', ['']);
    expectProblem(await ada.client.get(`/v1/platforms?label=${key}`), 400, 'validation_failed', ['#label']);
  });

  it.each(['', '=x', 'A', 'a=', 'a=%00', `a=${'x'.repeat(201)}`])('refuse the filter %s', async (filter) => {
    const answer = await ada.client.get(`/v1/platforms?label=${filter}`);
    expectProblem(answer, 400, 'validation_failed', ['#label']);
  });

  it('are searched by administrators among the connections of all users', async () => {
    const bob = await register(app.client, app.backends.secrets);
    const labels = { tenant: 'north' };
    const [one, two] = [
      await create({ labels }),
      await createPlatform(bob, app.backends.secrets, { labels }),
    ];
    await create({ labels: { tenant: 'south' } });
    const { id } = await register(app.client, app.backends.secrets);
    await app.backends.rows(`UPDATE users SET role = 'admin' WHERE id = $1`, [id]);
    const root = app.client.as({ accessToken: await signAccessToken(app.backends, id) });
    const search = async (query: string) =>
      (await root.get(`/v1/admin/platforms?${query}`)).json<{ items: PlatformJson[] }>().items;
    expect((await search('label=tenant%3Dnorth')).map((item) => item.id)).toEqual([one.id, two.id]);
    expect(await search('label=tenant')).toHaveLength(3);
    expect(await search(`label=tenant&label=tenant%3Dnorth&userId=${bob.id}`)).toHaveLength(1);
    const first = await root.get('/v1/admin/platforms?label=tenant&limit=2');
    expect(first.header('link')).toContain('label=tenant');
    expectProblem(await root.get('/v1/admin/platforms?label=A'), 400, 'validation_failed', ['#label']);
  });
});

describe('externalId', () => {
  it('is unique among the connections of a user, can be looked for, and cleared', async () => {
    const { id, externalId } = await create({ externalId: 'crm-1' });
    expect(externalId).toBe('crm-1');
    const second = platformInput(app.backends.secrets, { externalId: ' crm-1 ' });
    expectProblem(await ada.client.post('/v1/platforms', second), 409, 'duplicate_external_id');
    const other = await create({ externalId: 'crm-2' });
    const taken = await ada.client.patch(`/v1/platforms/${other.id}`, { externalId: 'crm-1' });
    expectProblem(taken, 409, 'duplicate_external_id');
    const bob = await register(app.client, app.backends.secrets);
    await createPlatform(bob, app.backends.secrets, { externalId: 'crm-1' });

    const seek = async () => (await ada.client.get('/v1/platforms?externalId=crm-1')).json<PlatformJson[]>();
    expect((await seek()).map((platform) => platform.id)).toEqual([id]);
    const cleared = await ada.client.patch(`/v1/platforms/${id}`, { externalId: null });
    expect(cleared.json()).toMatchObject({ externalId: null });
    expect(await seek()).toEqual([]);
  });
});

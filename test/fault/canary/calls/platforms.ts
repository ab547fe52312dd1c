import { NOWHERE, inputOf, newPlatform } from '../canary.js';
import type { Calls } from './call.js';

const json = (raw: string) => ({ raw, headers: { 'Content-Type': 'application/json' } });

/** Connections, and what is known of them. */
export const platformCalls: Calls = {
  'POST /v1/platforms': [
    (canary) => canary.owner.client.post('/v1/platforms?test=true', inputOf(canary)),
    async (canary) => {
      const input = inputOf(canary);
      await canary.owner.client.post('/v1/platforms', input);
      return canary.owner.client.post('/v1/platforms', inputOf(canary, { name: input.name }));
    },
    (canary) => canary.owner.client.post('/v1/platforms', { ...inputOf(canary), platformType: 'none' }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', {
        ...inputOf(canary),
        accessToken: `${make('with blank')} `,
      }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', { ...inputOf(canary), accesstoken: make('misspelt') }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', { ...inputOf(canary), clientKey: { x: make('nested') } }),
    (canary, make) =>
      canary.owner.client.post('/v1/platforms', {
        ...inputOf(canary),
        instanceUrl: `https://u:${make('url-password')}@a.example`,
      }),
    ({ owner }, make) =>
      owner.client.request('POST', '/v1/platforms', json(`{"accessToken":"${make('broken')}`)),
    ({ owner }, make) => owner.client.request('POST', '/v1/platforms', json(make('no-json'))),
    ({ owner }, make) =>
      owner.client.request('POST', '/v1/platforms', {
        raw: make('other-type'),
        headers: { 'Content-Type': 'text/plain' },
      }),
  ],
  'GET /v1/platforms': [
    ({ owner }) => owner.client.get('/v1/platforms'),
    ({ owner }, make) => owner.client.get(`/v1/platforms?refresh=true&accessToken=${make('in-the-query')}`),
    ({ owner }, make) => owner.client.get(`/v1/platforms?includeInactive=${make('in-a-flag')}`),
  ],
  'GET /v1/platforms/default': [({ owner }) => owner.client.get('/v1/platforms/default')],
  'GET /v1/platforms/{id}': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}?token=${make('in-the-query')}`),
  ],
  'PATCH /v1/platforms/{id}': [
    ({ owner, platformId, instance }, make) =>
      owner.client.patch(`/v1/platforms/${platformId}?test=true`, {
        accessToken: instance.addToken(make('access-token')),
        clientKey: make('client-key'),
        clientSecret: make('client-secret'),
      }),
    ({ owner, platformId }, make) => {
      const accessToken = make('access-token');
      return owner.client.patch(`/v1/platforms/${platformId}`, { accessToken }, { 'If-Match': '"0"' });
    },
    ({ owner, platformId }, make) =>
      owner.client.patch(`/v1/platforms/${platformId}`, { clientSecret: [make('in-an-array')] }),
  ],
  'PUT /v1/platforms/{id}/default': [
    ({ owner, platformId }) => owner.client.put(`/v1/platforms/${platformId}/default`),
  ],
  'DELETE /v1/platforms/{id}': [
    async (canary) => canary.owner.client.delete(`/v1/platforms/${await newPlatform(canary)}`),
    async (canary) => canary.owner.client.delete(`/v1/platforms/${await newPlatform(canary)}?revoke=true`),
  ],
  'POST /v1/platforms/{id}/test': [
    ({ owner, platformId }) => owner.client.post(`/v1/platforms/${platformId}/test`),
  ],
  'GET /v1/platforms/{id}/checks': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/checks`),
  ],
  'POST /v1/platforms/{id}/credentials': [
    ({ owner, platformId }) => owner.client.post(`/v1/platforms/${platformId}/credentials`, { reason: 'x' }),
    ({ owner }) => owner.client.post(`/v1/platforms/${NOWHERE}/credentials`, { reason: 'x' }),
    ({ owner, platformId }, make) => {
      const body = { reason: 'x', accessToken: make('in-the-reveal') };
      return owner.client.post(`/v1/platforms/${platformId}/credentials`, body);
    },
  ],
  'GET /v1/platforms/{id}/audit': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/audit`),
  ],
  'POST /v1/platforms/cache/refresh': [({ owner }) => owner.client.post('/v1/platforms/cache/refresh')],
  'DELETE /v1/platforms/cache': [({ owner }) => owner.client.delete('/v1/platforms/cache')],

  'POST /v1/platforms/{id}/activities': [
    ({ owner, platformId }) =>
      owner.client.post(`/v1/platforms/${platformId}/activities`, [
        { kind: 'post', externalId: 'a', status: 'done', occurredAt: '2026-11-22T12:00:00Z' },
      ]),
    ({ owner, platformId }, make) =>
      owner.client.post(`/v1/platforms/${platformId}/activities`, [{ kind: make('kind'), token: make('x') }]),
  ],
  'GET /v1/platforms/{id}/stats': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/stats`),
  ],
  'GET /v1/platforms/default/stats': [({ owner }) => owner.client.get('/v1/platforms/default/stats')],
  'GET /v1/platforms/{id}/stats/history': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/stats/history`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/stats/history?days=${make('days')}`),
  ],
  'GET /v1/platforms/{id}/stats/activity': [
    ({ owner, platformId }) => owner.client.get(`/v1/platforms/${platformId}/stats/activity`),
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/stats/activity?days=${make('days')}`),
  ],
  'GET /v1/platforms/{id}/avatar': [
    async (canary) => {
      const { client } = canary.owner;
      // Without a username any account will do.
      const id = await newPlatform(canary, { username: null });
      await client.post(`/v1/platforms/${id}/test`);
      return client.get(`/v1/platforms/${id}/avatar`);
    },
    ({ owner, platformId }, make) =>
      owner.client.get(`/v1/platforms/${platformId}/avatar?size=${make('in-the-query')}`),
  ],
};

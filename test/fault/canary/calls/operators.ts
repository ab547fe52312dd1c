import { NOWHERE } from '../canary.js';
import { type Calls, newcomer } from './call.js';

/** Administration, the audit trail, events, and what is open to everybody. */
export const operatorCalls: Calls = {
  'GET /v1/admin/platforms': [
    ({ admin }) => admin.client.get('/v1/admin/platforms?search=platform'),
    ({ admin }, make) => admin.client.get(`/v1/admin/platforms?status=${make('status')}`),
  ],
  'GET /v1/audit': [
    ({ owner }) => owner.client.get('/v1/audit?pageSize=100'),
    ({ owner }) => owner.client.get('/v1/audit', { Accept: 'application/x-ndjson' }),
    ({ owner }, make) => owner.client.get(`/v1/audit?action=${make('action')}`),
  ],
  'GET /v1/admin/audit': [
    ({ admin }) => admin.client.get('/v1/admin/audit?pageSize=100'),
    ({ admin }) => admin.client.get('/v1/admin/audit', { Accept: 'application/x-ndjson' }),
  ],
  'GET /v1/admin/users': [
    ({ admin }) => admin.client.get('/v1/admin/users?limit=100'),
    ({ admin }, make) => admin.client.get(`/v1/admin/users?role=${make('role')}`),
  ],
  'GET /v1/admin/users/{id}': [({ admin, owner }) => admin.client.get(`/v1/admin/users/${owner.id}`)],
  'PATCH /v1/admin/users/{id}': [
    ({ admin, owner }) =>
      admin.client.request('PATCH', `/v1/admin/users/${owner.id}`, { body: { role: 'user' } }),
    ({ admin, owner }, make) =>
      admin.client.request('PATCH', `/v1/admin/users/${owner.id}`, { body: { role: make('role') } }),
  ],
  'DELETE /v1/admin/users/{id}': [
    async (canary, make) => {
      const { user } = await newcomer(canary, make);
      return canary.admin.client.delete(`/v1/admin/users/${user.id}`);
    },
  ],
  'DELETE /v1/admin/users/{id}/sessions': [
    async (canary, make) => {
      const { user } = await newcomer(canary, make);
      return canary.admin.client.delete(`/v1/admin/users/${user.id}/sessions`);
    },
  ],
  'POST /v1/admin/invitations': [
    ({ admin }) => admin.client.post('/v1/admin/invitations', {}),
    ({ admin }, make) => admin.client.post('/v1/admin/invitations', { email: make('email') }),
  ],
  'GET /v1/admin/invitations': [({ admin }) => admin.client.get('/v1/admin/invitations')],
  'DELETE /v1/admin/invitations/{id}': [
    async ({ admin }) => {
      const made = await admin.client.post('/v1/admin/invitations', {});
      const { id = NOWHERE } = made.json<{ id?: number }>();
      return admin.client.delete(`/v1/admin/invitations/${id}`);
    },
  ],
  'GET /v1/admin/system': [({ admin }) => admin.client.get('/v1/admin/system')],
  'GET /v1/admin/cache': [({ admin }) => admin.client.get('/v1/admin/cache')],
  'POST /v1/admin/cache/warm': [({ admin }) => admin.client.post('/v1/admin/cache/warm', { users: 10 })],
  'DELETE /v1/admin/cache/users/{id}': [
    ({ admin, owner }) => admin.client.delete(`/v1/admin/cache/users/${owner.id}`),
  ],

  'GET /v1/events': [
    ({ owner }) => owner.client.get('/v1/events'),
    ({ owner }, make) =>
      owner.client.get(`/v1/events?token=${make('in-the-query')}`, { 'Last-Event-ID': make('last') }),
  ],
  'GET /problems': [({ app }) => app.client.get('/problems')],
  'GET /problems/{code}': [
    ({ app }) => app.client.get('/problems/duplicate_name'),
    ({ app }) => app.client.get('/problems/no_such_code'),
  ],
  'GET /asyncapi.json': [({ app }) => app.client.get('/asyncapi.json')],
  'GET /health/live': [({ app }) => app.client.get('/health/live')],
  'GET /health/ready': [({ app }) => app.client.get('/health/ready')],
  'GET /metrics': [({ app }) => app.client.get('/metrics')],

  'outside the document': [
    ({ app }) => app.client.get('/docs-json'),
    ({ app }) => app.client.get('/console/'),
    ({ owner }, make) => owner.client.post(`/v1/nothing?x=${make('in-the-query')}`, { x: make('nowhere') }),
    ({ app }, make) =>
      app.client.request('OPTIONS', '/v1/platforms', {
        headers: { Origin: `https://${make('origin')}.example`, 'Access-Control-Request-Method': make('x') },
      }),
    // An old protocol: a session of the current one would be waited for.
    ({ app }, make) => app.client.get(`/socket.io/?EIO=3&transport=polling&token=${make('in-the-query')}`),
  ],
};

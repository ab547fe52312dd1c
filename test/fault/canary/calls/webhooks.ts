import type { HttpClient, TestResponse } from '../../../support/http-client.js';
import { type Canary, NOWHERE } from '../canary.js';
import type { Calls } from './call.js';

/** The same routes for a user's own webhooks and for those of the installation. */
export function webhookCalls(root: string, clientOf: (canary: Canary) => HttpClient): Calls {
  /** On one that was made for it, and is deleted again. */
  const on = async (
    canary: Canary,
    method: string,
    rest: string | ((path: string) => Promise<string>) = '',
    body?: unknown,
  ): Promise<TestResponse> => {
    const client = clientOf(canary);
    const url = `${canary.instance.origin}/hooks`;
    const made = await client.post(root, { url, events: ['platform.updated'] });
    const { id = NOWHERE } = made.status === 201 ? made.json<{ id?: number }>() : {};
    const path = `${root}/${id}`;
    const end = typeof rest === 'string' ? rest : await rest(path);
    const answer = await client.request(method, path + end, { body });
    await client.delete(path);
    return answer;
  };
  const events = ['platform.updated'];
  return {
    [`POST ${root}`]: [
      (canary) => on(canary, 'GET'),
      (canary, make) =>
        clientOf(canary).post(root, { url: `https://u:${make('password')}@x.example/`, events }),
      (canary, make) =>
        clientOf(canary).post(root, {
          url: canary.instance.origin,
          events: [make('event')],
          secret: make('secret'),
        }),
    ],
    [`GET ${root}`]: [(canary) => clientOf(canary).get(root)],
    [`GET ${root}/{id}`]: [(canary) => on(canary, 'GET')],
    [`PATCH ${root}/{id}`]: [
      (canary, make) => on(canary, 'PATCH', '', { labels: { a: [make('label')] } }),
      (canary) => on(canary, 'PATCH', '', { isActive: true }),
    ],
    [`DELETE ${root}/{id}`]: [(canary) => on(canary, 'DELETE')],
    [`POST ${root}/{id}/secret`]: [(canary) => on(canary, 'POST', '/secret')],
    [`POST ${root}/{id}/test`]: [(canary) => on(canary, 'POST', '/test')],
    [`POST ${root}/{id}/replay`]: [
      (canary, make) => on(canary, 'POST', '/replay', { fromEventId: make('number') }),
      (canary) => on(canary, 'POST', '/replay', { fromEventId: 1 }),
    ],
    [`GET ${root}/{id}/deliveries`]: [
      (canary, make) => on(canary, 'GET', `/deliveries?cursor=${make('cursor')}`),
      (canary) => on(canary, 'GET', '/deliveries'),
    ],
    [`POST ${root}/{id}/deliveries/{deliveryId}/resend`]: [
      (canary) => on(canary, 'POST', `/deliveries/${NOWHERE}/resend`),
      (canary) =>
        on(canary, 'POST', async (path) => {
          const sent = await clientOf(canary).post(`${path}/test`);
          const { id = NOWHERE } = sent.status === 202 ? sent.json<{ id?: number }>() : {};
          return `/deliveries/${id}/resend`;
        }),
    ],
  };
}

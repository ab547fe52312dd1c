import { NOWHERE, beginToConnect, comeBack, consentTo, finishToConnect, linkOf } from '../canary.js';
import { type Calls, newcomer } from './call.js';

/** Instances, their consent, and links for people without an account here. */
export const connectingCalls: Calls = {
  'POST /v1/instances/lookup': [
    ({ owner, instance: { origin } }, make) =>
      owner.client.post('/v1/instances/lookup', { instance: `${origin}/x?token=${make('in-an-address')}` }),
    ({ owner, instance: { host } }, make) =>
      owner.client.post('/v1/instances/lookup', { instance: `http://u:${make('url-password')}@${host}` }),
  ],
  'POST /v1/connect': [
    ({ owner, instance: { origin } }, make) =>
      owner.client.post(
        '/v1/connect',
        { instance: origin, returnTo: `https://u:${make('return')}@a.example/?x=${make('return')}` },
        { Cookie: `pm_connect_x=${make('the-browser')}` },
      ),
  ],
  'GET /v1/connect/bluesky/client-metadata.json': [
    ({ app }) => app.client.get('/v1/connect/bluesky/client-metadata.json'),
  ],
  'GET /v1/connect/bluesky/jwks.json': [({ app }) => app.client.get('/v1/connect/bluesky/jwks.json')],
  'GET /v1/connect/callback/{key}': [
    async (canary) => comeBack(canary, await beginToConnect(canary)),
    async (canary) => {
      const { path, cookie } = await beginToConnect(canary);
      return canary.app.client.get(path, { Cookie: cookie });
    },
    async (canary, make) => {
      const { path, cookie } = await beginToConnect(canary);
      const { pathname, searchParams } = new URL(path, 'http://here.invalid');
      const refused = `error=${make('error')}&error_description=${make('description')}`;
      return comeBack(canary, { path: `${pathname}?state=${searchParams.get('state')}&${refused}`, cookie });
    },
    async (canary, make) => {
      const { path, cookie } = await beginToConnect(canary);
      return comeBack(canary, { path: `${path}&iss=${make('issuer')}`, cookie });
    },
  ],
  'POST /v1/connect/finish': [
    async (canary) => finishToConnect(canary, await beginToConnect(canary)),
    async (canary, make) => {
      const { path } = await beginToConnect(canary);
      return finishToConnect(canary, { path, cookie: `pm_connect_x=${make('the-browser')}` });
    },
    async (canary, make) => {
      const { path, cookie } = await beginToConnect(canary);
      const { pathname, searchParams } = new URL(path, 'http://here.invalid');
      const other = `${pathname}?state=${searchParams.get('state')}&code=${make('code')}`;
      return finishToConnect(canary, { path: other, cookie });
    },
    ({ owner }, make) => owner.client.post('/v1/connect/finish', { attempt: make('attempt') }),
  ],
  'POST /v1/connect/links': [
    ({ owner }, make) =>
      owner.client.post('/v1/connect/links', {
        externalUserId: 'customer-1',
        returnTo: `https://u:${make('return')}@a.example/?x=${make('return')}`,
      }),
    ({ owner }) => owner.client.post('/v1/connect/links', { externalUserId: 'customer-1' }),
  ],
  'GET /v1/connect/links': [({ owner }) => owner.client.get('/v1/connect/links')],
  'DELETE /v1/connect/links/{id}': [
    async ({ owner }) => {
      const made = await owner.client.post('/v1/connect/links', { externalUserId: 'customer-1' });
      return owner.client.delete(`/v1/connect/links/${made.json<{ id?: number }>().id ?? NOWHERE}`);
    },
  ],
  'POST /v1/connect/guest': [
    async (canary, make) => canary.app.client.post('/v1/connect/guest', { link: await linkOf(canary, make) }),
    ({ app }, make) => app.client.post('/v1/connect/guest', { link: make('link') }),
  ],
  'POST /v1/connect/guest/lookup': [
    async (canary, make) =>
      canary.app.client.post('/v1/connect/guest/lookup', {
        link: await linkOf(canary, make),
        instance: `${canary.instance.origin}/x?token=${make('in-an-address')}`,
      }),
  ],
  'POST /v1/connect/guest/begin': [
    async (canary, make) =>
      canary.app.client.post(
        '/v1/connect/guest/begin',
        { link: await linkOf(canary, make), instance: canary.instance.origin },
        { Cookie: `pm_connect_x=${make('the-browser')}` },
      ),
  ],
  'POST /v1/connect/guest/finish': [
    async (canary, make) => {
      // The owner has this account already, as their own.
      const { accessToken } = await newcomer(canary, make);
      const link = await linkOf(canary, make, canary.app.client.as({ accessToken }));
      const consent = await consentTo(canary, '/v1/connect/guest/begin', { link });
      const back = await comeBack(canary, consent);
      const { attempt = make('attempt') } = back.json<{ attempt?: string }>();
      return canary.app.client.post('/v1/connect/guest/finish', { attempt }, { Cookie: consent.cookie });
    },
    ({ app }, make) => app.client.post('/v1/connect/guest/finish', { attempt: make('attempt') }),
  ],
};

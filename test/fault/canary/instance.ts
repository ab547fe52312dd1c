import { expect } from '@jest/globals';
import type { Echo } from '../../support/fake-instance/echo.js';
import type { SeenRequest } from '../../support/fake-instance/fake-instance.js';
import { Watched } from '../../support/watched.js';
import { type Canary, beginToConnect, finishToConnect, newPlatform } from './canary.js';

/** Everything that sends credentials to an instance, and what the request for it is known by. */
const SENT = {
  code: ({ form }: SeenRequest) => form.get('grant_type') === 'authorization_code',
  'refresh token': ({ form }: SeenRequest) => form.get('grant_type') === 'refresh_token',
  'token to revoke': ({ path }: SeenRequest) => path === '/oauth/revoke',
  'access token': ({ path }: SeenRequest) => path === '/api/v1/accounts/verify_credentials',
  'token to revoke, of Misskey': ({ path }: SeenRequest) => path === '/api/i/revoke-token',
  'access token, of Misskey': ({ path }: SeenRequest) => path === '/api/i',
};
/** Without a client, as MiAuth leaves it. */
const BY_MIAUTH = { platformType: 'misskey', username: null, clientKey: null, clientSecret: null } as const;

/** Connects an account whose token can be refreshed. @returns the connection's id. */
export async function connect(canary: Canary): Promise<number> {
  const answer = await finishToConnect(canary, await beginToConnect(canary));
  if (answer.status !== 200) throw new Error(`Finishing answered ${answer.status}: ${answer.text}`);
  return answer.json<{ platformId: number }>().platformId;
}

/** As after a long time, for these connections alone: to be checked, and their tokens to be refreshed. */
export async function makeDue({ app }: Canary, ids: readonly number[]): Promise<void> {
  await app.backends.rows(
    `UPDATE platform_watch SET
       next_check_at = now() + CASE WHEN platform_id = ANY($1::integer[]) THEN interval '-1 second' ELSE interval '1 day' END,
       refresh_at = CASE WHEN refresh_at IS NULL THEN NULL WHEN platform_id = ANY($1::integer[])
         THEN now() - interval '1 second' ELSE refresh_at END`,
    [ids],
  );
  await app.backends.rows(`UPDATE instance_watch SET retry_at = now() - interval '1 second'`);
}

/** Every kind of credential is sent to the instance, which answers each time with what it was sent. */
export async function useEchoing(canary: Canary, echo: Echo): Promise<void> {
  const { app, owner, instance } = canary;
  const connected = await connect(canary);
  const [consent, tested, revoked, testedMisskey, revokedMisskey] = await Promise.all([
    beginToConnect(canary),
    // Without a username any account will do, also one with the name of a token.
    newPlatform(canary, { username: null }),
    newPlatform(canary),
    newPlatform(canary, BY_MIAUTH),
    newPlatform(canary, BY_MIAUTH),
  ]);
  await makeDue(canary, [connected]);
  const seen = instance.requests.length;
  instance.echoing = echo;
  try {
    await Promise.all([
      finishToConnect(canary, consent),
      owner.client.post(`/v1/platforms/${tested}/test`),
      owner.client.delete(`/v1/platforms/${revoked}?revoke=true`),
      owner.client.post(`/v1/platforms/${testedMisskey}/test`),
      owner.client.delete(`/v1/platforms/${revokedMisskey}?revoke=true`),
      owner.client.post('/v1/instances/lookup', { instance: instance.origin }),
      new Watched(app.app).round(),
    ]);
    for (const id of [tested, testedMisskey]) await owner.client.get(`/v1/platforms/${id}`);
  } finally {
    instance.echoing = null;
  }
  const requests = instance.requests.slice(seen);
  for (const [what, isFor] of Object.entries(SENT)) {
    expect({ what, sent: requests.some(isFor) }).toEqual({ what, sent: true });
  }
}

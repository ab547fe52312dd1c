import { afterEach, describe, expect, it } from '@jest/globals';
import { GuardedHttp } from '../../../src/instances/guarded-http.js';
import { OAuthClient } from '../../../src/instances/oauth-client.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';

describe('OAuthClient.refresh', () => {
  let fake: FakeInstance;
  afterEach(() => fake.close());

  function prepare(): {
    client: OAuthClient;
    app: { clientId: string; clientSecret: string };
    refreshToken: string;
  } {
    fake.oauth.register(new URLSearchParams({ redirect_uris: 'https://app.example/', scopes: 'read' }));
    const [app] = fake.oauth.apps.values();
    if (app === undefined) throw new Error('The fake registered nothing.');
    fake.oauth.issue({ accountId: '1', clientId: app.clientId, scopes: 'read' });
    const [refreshToken = ''] = fake.oauth.refreshTokens.keys();
    const http = new GuardedHttp({ allowlist: new Set([fake.host]), userAgent: 'Test/1', timeoutMs: 3000 });
    return { client: new OAuthClient(http), app, refreshToken };
  }

  it.each(['pleroma', 'akkoma', 'pixelfed', 'something-new'] as const)(
    'exchanges a refresh token at %s once',
    async (software) => {
      fake = await startFakeInstance(software);
      const { client, app, refreshToken } = prepare();
      const grant = await client.refresh(fake.origin, app, refreshToken);
      expect(fake.oauth.tokens.has(grant.accessToken)).toBe(true);
      expect(fake.oauth.refreshTokens.has(grant.refreshToken ?? '')).toBe(true);
      expect(grant.expiresInSeconds).toBe(fake.behaviour.tokenLifetimeSeconds);
      await expect(client.refresh(fake.origin, app, refreshToken)).rejects.toMatchObject({
        reason: 'invalid_grant',
      });
    },
  );

  it('tells a registration that is gone, and an instance in trouble, from a token that is refused', async () => {
    fake = await startFakeInstance('pixelfed');
    const { client, app, refreshToken } = prepare();
    fake.misbehaviours.set('/oauth/token', 'silent');
    await expect(client.refresh(fake.origin, app, refreshToken)).rejects.toMatchObject({
      reason: 'instance_unreachable',
    });
    for (const how of ['server-error', 'throttled'] as const) {
      fake.misbehaviours.set('/oauth/token', how);
      await expect(client.refresh(fake.origin, app, refreshToken)).rejects.toMatchObject({
        reason: 'instance_error',
      });
    }
    fake.misbehaviours.clear();
    fake.oauth.apps.clear();
    await expect(client.refresh(fake.origin, app, refreshToken)).rejects.toMatchObject({
      reason: 'invalid_client',
    });
  });
});

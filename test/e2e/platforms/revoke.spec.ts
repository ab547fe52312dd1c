import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type ConnectApp, startConnectApp } from '../../support/fake-instance/connect-app.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { begin, finish } from '../../support/fake-instance/oauth-steps.js';
import type { FakeSoftware } from '../../support/fake-instance/softwares.js';

describe('DELETE /v1/platforms/:id?revoke=true', () => {
  let app: ConnectApp;
  let fakes: FakeInstances;

  beforeAll(async () => {
    fakes = await FakeInstances.atMost(30);
    app = await startConnectApp({ allowlist: fakes.allowlist, env: { INSTANCE_TIMEOUT_MS: '4000' } });
  });
  afterEach(() => fakes.closeAll());
  afterAll(async () => {
    const log = app.log.join('\n');
    await app.close();
    expect(fakes.secrets.length).toBeGreaterThan(10);
    for (const secret of fakes.secrets) expect(log).not.toContain(secret);
  });

  async function connected(software: FakeSoftware) {
    const fake = await fakes.start(software);
    const caller = await app.signUp();
    const done = await finish(caller, begin(caller, fake));
    return { fake, caller, path: `/v1/platforms/${String(done.body.platformId)}` };
  }

  it.each(['mastodon', 'pixelfed', 'pleroma', 'akkoma', 'gotosocial'] as const)(
    'revokes at %s',
    async (software) => {
      const { fake, caller, path } = await connected(software);
      const tokens = [...fake.oauth.tokens].filter(([, { accountId }]) => accountId === '1');
      expect(tokens).toHaveLength(1);
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
      expect([...fake.oauth.tokens.values()].some(({ accountId }) => accountId === '1')).toBe(false);
      expect((await caller.send('GET', path)).status).toBe(404);
    },
  );

  it('never revokes at Friendica, nor where nobody asked', async () => {
    for (const [software, query] of [
      ['friendica', '?revoke=true'],
      ['mastodon', ''],
      ['mastodon', '?revoke=false'],
    ] as const) {
      const { fake, caller, path } = await connected(software);
      expect((await caller.send('DELETE', `${path}${query}`)).status).toBe(204);
      expect(fake.asked('/oauth/revoke')).toEqual([]);
    }
  });

  it('never revokes at Friendica, whatever type and client credentials were typed', async () => {
    const { fake, caller, path } = await connected('friendica');
    const [client] = [...fake.oauth.apps.values()];
    const typed = { clientKey: client?.clientId, clientSecret: client?.clientSecret };
    const changed = await caller.send('PATCH', path, { platformType: 'mastodon', ...typed });
    expect(changed).toMatchObject({ status: 200, body: { hasClientCredentials: true } });
    expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
    expect(fake.asked('/oauth/revoke')).toEqual([]);
  });

  it('revokes by what the instance is, not by what was typed', async () => {
    const { fake, caller, path } = await connected('mastodon');
    await caller.send('PATCH', path, { platformType: 'friendica' });
    expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
    expect(fake.asked('/oauth/revoke')).toHaveLength(1);
  });

  it.each(['server-error', 'silent', 'html-ok'] as const)(
    'revokes nothing where it cannot learn what the instance is: %s',
    async (how) => {
      const { fake, caller, path } = await connected('mastodon');
      await app.forgetInstance(fake.origin);
      fake.misbehaviours.set('/.well-known/nodeinfo', how);
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
      expect(fake.asked('/oauth/revoke')).toEqual([]);
    },
  );

  it('deletes even when the instance refuses, misbehaves or is gone', async () => {
    for (const how of ['server-error', 'silent', 'endless-body', 'redirect-elsewhere'] as const) {
      const { fake, caller, path } = await connected('mastodon');
      fake.misbehaviours.set('/oauth/revoke', how);
      expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
      expect((await caller.send('GET', path)).status).toBe(404);
    }
    const { fake, caller, path } = await connected('mastodon');
    await fakes.close(fake);
    expect((await caller.send('DELETE', `${path}?revoke=true`)).status).toBe(204);
  });

  it('does not touch, or reveal, the connection of another user', async () => {
    const { fake, caller, path } = await connected('mastodon');
    const stranger = await app.signUp();
    expect((await stranger.send('DELETE', `${path}?revoke=true`)).status).toBe(404);
    expect(fake.asked('/oauth/revoke')).toEqual([]);
    expect((await caller.send('GET', path)).status).toBe(200);
  });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { LastUsed } from '../../../src/platforms/last-used.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import {
  type Person,
  type PlatformInput,
  createPlatform,
  platformInput,
  register,
} from '../../support/factories.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import type { HttpClient } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';
import { ScriptedInstance } from '../../support/scripted-instance.js';
import { Watched } from '../../support/watched.js';

const VERIFY = '/api/v1/accounts/verify_credentials';
const MIB = 1024 ** 2;

describe('the credential of a connection, through the proxy', () => {
  let scripted: ScriptedInstance;
  let fakes: FakeInstances;
  let app: TestApp;
  let owner: Person;
  let watched: Watched;

  beforeAll(async () => {
    scripted = await ScriptedInstance.start();
    fakes = await FakeInstances.atMost(6);
    app = await startTestApp({
      env: {
        INSTANCE_HOST_ALLOWLIST: [scripted.host, ...fakes.allowlist].join(','),
        INSTANCE_TIMEOUT_MS: '3000',
        PROXY_AUDIT_READS: '0',
      },
    });
    owner = await register(app.client, app.backends.secrets);
    watched = new Watched(app.app);
  });
  beforeEach(() => {
    scripted.received.length = 0;
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}');
    };
  });
  afterAll(async () => {
    await app.close();
    await fakes.closeAll();
    await scripted.close();
  });

  async function worker(): Promise<HttpClient> {
    const policy = { methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] };
    const made = await owner.client.post('/v1/api-keys', { name: 'w', scopes: ['platforms:use'], policy });
    return app.client.as({ accessToken: made.json<{ key: string }>().key });
  }

  async function connected(
    own: Partial<PlatformInput> = {},
  ): Promise<{ base: string; id: number; token: string }> {
    const input = platformInput(app.backends.secrets, { instanceUrl: scripted.origin, ...own });
    const { id } = await createPlatform(owner, app.backends.secrets, input);
    return { id, base: `/v1/platforms/${id}/proxy`, token: input.accessToken };
  }

  describe('refused by the instance', () => {
    /** A connection as OAuth leaves it, whose access token the instance has forgotten. */
    async function expired(refreshToken: 'good' | 'revoked') {
      const fake = await fakes.start('something-new');
      const { oauth } = fake;
      oauth.register(new URLSearchParams({ redirect_uris: 'https://app.example/', scopes: 'read' }));
      const [registered] = oauth.apps.values();
      if (registered === undefined) throw new Error('The fake registered nothing.');
      oauth.issue({ accountId: '1', clientId: registered.clientId, scopes: 'read' });
      const accessToken = [...oauth.tokens.keys()].at(-1) ?? '';
      const given = [...oauth.refreshTokens.keys()].at(-1) ?? app.backends.secrets.make('refresh-token');
      app.backends.secrets.add(accessToken, given, registered.clientSecret);
      await watched.register(fake.origin, registered);
      const [id = 0] = await watched.insert(owner.id, [
        {
          instanceUrl: fake.origin,
          accessToken,
          app: { clientId: registered.clientId },
          refreshToken: refreshToken === 'good' ? given : app.backends.secrets.make('old-refresh-token'),
          expiresInSeconds: 86_400,
        },
      ]);
      await app.backends.settled();
      oauth.tokens.delete(accessToken);
      return { fake, id, base: `/v1/platforms/${id}/proxy`, accessToken };
    }

    it('is refreshed once for all who are refused, and they are answered', async () => {
      const { fake, base, id } = await expired('good');
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => owner.client.get(`${base}${VERIFY}`)),
      );
      app.backends.secrets.add(...fake.oauth.tokens.keys(), ...fake.oauth.refreshTokens.keys());
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect(fake.asked('/oauth/token')).toHaveLength(1);
      expect((await owner.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({ status: 'unchecked' });
      const [lease] = await watched.sql<{ until: Date | null }>(
        'SELECT refresh_leased_until AS until FROM platform_watch WHERE platform_id = $1',
        [id],
      );
      expect(lease?.until).toBeNull();
    });

    it('that cannot be refreshed makes the connection token_invalid, and the change is told', async () => {
      const { fake, base, id } = await expired('revoked');
      const answer = await owner.client.get(`${base}${VERIFY}`);
      expect([answer.status, answer.header('proxy-status')]).toEqual([
        401,
        'platform-manager; received-status=401',
      ]);
      await app.backends.settled();
      expect((await owner.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({
        status: 'token_invalid',
      });
      expect(
        await app.backends.rows(
          `SELECT 1 FROM platform_changes WHERE platform_id = $1 AND type = 'platform.status_changed'`,
          [id],
        ),
      ).not.toEqual([]);
      const asked = fake.requests.length;
      expect((await owner.client.get(`${base}${VERIFY}`)).status).toBe(401);
      expect(fake.requests.length).toBe(asked + 1);
    });

    it('at one path alone proves nothing, and is looked into once a minute', async () => {
      const { base, id, token } = await connected();
      scripted.answer = (request, response) => {
        if (request.url === VERIFY) {
          response.writeHead(200, { 'Content-Type': 'application/json' }).end(
            JSON.stringify({
              id: '1',
              username: 'alice',
              acct: 'alice',
              display_name: '',
              avatar: '',
              url: `${scripted.origin}/@alice`,
            }),
          );
        } else response.writeHead(401, { 'Content-Type': 'application/json' }).end('{"error":"no"}');
      };
      for (let time = 0; time < 3; time++)
        expect((await owner.client.get(`${base}/api/admin`)).status).toBe(401);
      expect(scripted.received.filter(({ url }) => url === VERIFY)).toHaveLength(1);
      const sent = scripted.received.filter(({ url }) => url === '/api/admin');
      expect(sent.map(({ headers }) => headers.authorization)).toEqual(Array(3).fill(`Bearer ${token}`));
      expect((await owner.client.get(`/v1/platforms/${id}`)).json()).not.toMatchObject({
        status: 'token_invalid',
      });
    });

    it('is not used at an instance for which it is not', async () => {
      const { base, id } = await connected();
      scripted.answer = (_request, response) => {
        void watched
          .sql(`UPDATE platform_connections SET instance_url = 'https://other.example' WHERE id = $1`, [id])
          .then(() => response.writeHead(401).end());
      };
      expect((await owner.client.get(`${base}/api`)).status).toBe(401);
      expect(scripted.received).toHaveLength(1);
    });
  });

  describe('for Misskey', () => {
    it('goes into the JSON body, in the place of what the caller sent', async () => {
      const { base, token } = await connected({ platformType: 'misskey' });
      const client = await worker();
      await client.post(`${base}/api/notes/create`, { text: 'hi', i: 'theirs' });
      expect(JSON.parse(scripted.last.body)).toEqual({ text: 'hi', i: token });
      await client.post(`${base}/api/i`);
      expect(JSON.parse(scripted.last.body)).toEqual({ i: token });
      expect(scripted.last.headers['content-type']).toBe('application/json');
      for (const raw of ['[1]', '7', '{"x"', 'null'])
        expectProblem(
          await client.request('POST', `${base}/api/i`, {
            raw,
            headers: { 'Content-Type': 'application/json' },
          }),
          400,
          'validation_failed',
        );
    });

    it.each([10, 3 * MIB])('goes before a file of %d bytes', async (size) => {
      const { base, token } = await connected({ platformType: 'misskey' });
      const client = await worker();
      const file = `--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n${'a'.repeat(size)}\r\n--xyz--\r\n`;
      const headers = { 'Content-Type': 'multipart/form-data; boundary=xyz' };
      expect(
        (await client.request('POST', `${base}/api/drive/files/create`, { raw: file, headers })).status,
      ).toBe(200);
      expect(scripted.last.body).toBe(
        `--xyz\r\nContent-Disposition: form-data; name="i"\r\n\r\n${token}\r\n${file}`,
      );
      expect(scripted.last.headers['content-length']).toBe(String(scripted.last.body.length));
    });

    it('goes into the header for what takes GET', async () => {
      const { base, token } = await connected({ platformType: 'misskey' });
      await owner.client.get(`${base}/api/meta?x=1`);
      expect(scripted.last).toMatchObject({
        url: '/api/meta?x=1',
        headers: { authorization: `Bearer ${token}` },
      });
    });
  });

  describe('the record of its use', () => {
    const trail = (id: number) =>
      app.backends.rows<{ outcome: string; detail: string; api_key_id: number | null }>(
        `SELECT outcome, detail, api_key_id FROM audit_log WHERE platform_id = $1 AND action = 'proxy.request' ORDER BY id`,
        [id],
      );

    it('has each write, without its query, before it is sent, and of reads the set share', async () => {
      const { base, id } = await connected();
      const client = await worker();
      await client.get(`${base}/api/v1/x`);
      await client.post(`${base}/api/v1/statuses?secret=1`, { status: 'x' });
      expect(await trail(id)).toEqual([
        { outcome: 'sent', detail: 'POST /api/v1/statuses', api_key_id: expect.any(Number) },
      ]);
      await app.backends.sql.query('ALTER TABLE audit_log RENAME TO audit_log_gone');
      scripted.received.length = 0;
      const unrecorded = await client
        .post(`${base}/api/v1/statuses`, { status: 'x' })
        .finally(() => app.backends.sql.query('ALTER TABLE audit_log_gone RENAME TO audit_log'));
      expectProblem(unrecorded, 503, 'audit_unavailable');
      expect(scripted.received).toEqual([]);
    });

    it('has what came back with the token in it, in the trail, the log and the metrics', async () => {
      const { base, id, token } = await connected();
      scripted.answer = (_request, response) => response.end(token);
      expectProblem(await owner.client.get(`${base}/api/v1/x`), 502, 'credential_echoed');
      expect(await trail(id)).toEqual([
        { outcome: 'credential_echoed', detail: 'GET /api/v1/x', api_key_id: null },
      ]);
      expect(app.logLines.some((line) => line.includes('sent the access token back'))).toBe(true);
      const metrics = (await app.client.get('/metrics')).text;
      expect(metrics).toContain('platform_proxy_requests_total{method="GET",outcome="credential_echoed"} 1');
      expect(metrics).toMatch(/platform_proxy_requests_total\{method="POST",outcome="2xx"\} \d/);
    });

    it('has when it was last used', async () => {
      const { base, id } = await connected();
      await owner.client.get(`${base}/api`);
      await app.app.get(LastUsed).flush();
      const [row] = await app.backends.rows<{ last_used: Date | null }>(
        'SELECT last_used FROM platform_connections WHERE id = $1',
        [id],
      );
      expect(Date.now() - (row?.last_used?.getTime() ?? 0)).toBeLessThan(60_000);
    });
  });
});

import { randomBytes } from 'node:crypto';
import http from 'node:http';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { collectGarbage } from '../../support/garbage.js';
import type { HttpClient } from '../../support/http-client.js';
import { expectProblem } from '../../support/problems.js';
import { ScriptedInstance } from '../../support/scripted-instance.js';

const MIB = 1024 ** 2;
/** Of what is still in use. */
function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

const ALL = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

describe('writing through the proxy', () => {
  let instance: ScriptedInstance;
  let app: TestApp;
  let owner: Person;
  let id: number;
  let base: string;

  beforeAll(async () => {
    instance = await ScriptedInstance.start();
    app = await startTestApp({ env: { ...env(), INSTANCE_TIMEOUT_MS: '3000' } });
    owner = await register(app.client, app.backends.secrets);
    ({ id } = await createPlatform(owner, app.backends.secrets, { instanceUrl: instance.origin }));
    base = `/v1/platforms/${id}/proxy`;
  });
  beforeEach(() => {
    instance.received.length = 0;
    instance.stream = null;
    instance.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}');
    };
  });
  afterAll(async () => {
    await app.close();
    await instance.close();
  });

  const env = () => ({ INSTANCE_HOST_ALLOWLIST: instance.host, PROXY_BODY_LIMIT_MIB: '60' });
  async function keyWith(policy: object | undefined, scopes = ['platforms:use']): Promise<string> {
    const made = await owner.client.post('/v1/api-keys', { name: 'a worker', scopes, policy });
    expect(made.status).toBe(201);
    return made.json<{ key: string }>().key;
  }
  const worker = async (policy?: object): Promise<HttpClient> =>
    app.client.as({ accessToken: await keyWith(policy) });

  describe('bodies', () => {
    it.each(['POST', 'PUT', 'PATCH', 'DELETE'])(
      '%s has its body, type and length passed on',
      async (method) => {
        const client = await worker({ methods: ALL });
        const answer = await client.request(method, `${base}/api/v1/x?y=1`, { body: { status: 'Grüße' } });
        expect(answer.status).toBe(200);
        expect(instance.last).toMatchObject({
          method,
          url: '/api/v1/x?y=1',
          body: '{"status":"Grüße"}',
          headers: { 'content-type': 'application/json', 'content-length': '20' },
        });
      },
    );

    it('takes any type, and none', async () => {
      const client = await worker({ methods: ALL });
      for (const type of ['application/x-www-form-urlencoded', 'image/png', 'text/plain', 'nonsense']) {
        const answer = await client.request('POST', `${base}/api`, {
          raw: 'a=b',
          headers: { 'Content-Type': type },
        });
        expect(answer.status).toBe(200);
        expect(instance.last).toMatchObject({ body: 'a=b', headers: { 'content-type': type } });
      }
      await client.request('POST', `${base}/api`);
      expect(instance.last).toMatchObject({ method: 'POST', body: '' });
      expect(instance.last.headers['content-type']).toBeUndefined();
    });

    it('has the Idempotency-Key of the caller passed on, and repeats nothing itself', async () => {
      const client = await worker({ methods: ALL });
      for (let time = 0; time < 2; time++)
        await client.post(`${base}/api/v1/statuses`, { status: 'x' }, { 'Idempotency-Key': 'same' });
      expect(instance.received.map(({ headers }) => headers['idempotency-key'])).toEqual(['same', 'same']);
    });

    it('streams 50 MiB up and down, in flat memory', async () => {
      const key = await keyWith({ methods: ALL });
      // Each look at the memory stops both sides, for seconds on a busy machine.
      const patient = await startTestApp({ backends: app.backends, env: env() });
      const block = randomBytes(MIB);
      const before = liveBytes();
      let peak = 0;
      const counted = (count: number, chunk: Buffer): number => {
        const next = count + chunk.length;
        if (Math.floor(next / (10 * MIB)) > Math.floor(count / (10 * MIB)))
          peak = Math.max(peak, liveBytes() - before);
        return next;
      };
      let received = 0;
      instance.stream = (request, response) => {
        request.on('data', (chunk: Buffer) => (received = counted(received, chunk)));
        request.on('end', () => {
          response.writeHead(200, { 'Content-Type': 'application/octet-stream' });
          Readable.from(Array.from({ length: 50 }, () => block)).pipe(response);
        });
      };
      let sent = 0;
      const answer = await send(key, Readable.from(Array.from({ length: 50 }, () => block)), patient);
      expect(answer.statusCode).toBe(200);
      for await (const chunk of answer as AsyncIterable<Buffer>) sent = counted(sent, chunk);
      expect([received, sent]).toEqual([50 * MIB, 50 * MIB]);
      expect(peak).toBeLessThan(20 * MIB);
      await patient.close();
    });

    it('takes no more from either side than the other takes', async () => {
      const key = await keyWith({ methods: ALL });
      const block = randomBytes(MIB);
      // Far beyond the limit of a body: a proxy that took what the other side does not would answer 413. The system keeps
      // tens of MiB for each connection, which is why it is not counted how much was sent.
      let taken = 0;
      const endless = (): Readable =>
        new Readable({
          read() {
            taken += MIB;
            this.push(taken > 200 * MIB ? null : block);
          },
        });
      const stopped = async (): Promise<number> => {
        let last = -1;
        const isStopped = (): boolean => {
          const before = last;
          last = taken;
          return taken > 0 && taken === before;
        };
        await waitUntil(isStopped, { timeoutMs: 30_000, what: 'no more to be taken', intervalMs: 300 });
        return liveBytes();
      };
      const before = liveBytes();
      instance.stream = (request) => request.pause();
      const answer = send(key, endless());
      expect((await stopped()) - before).toBeLessThan(20 * MIB);
      const stuck = await answer;
      expect([stuck.statusCode, stuck.headers['proxy-status']]).toEqual([
        504,
        'platform-manager; error=http_response_timeout',
      ]);
      stuck.resume();

      taken = 0;
      const cut = new Promise<void>((resolve) => {
        instance.stream = (request, response) => {
          request.resume();
          response.on('close', resolve);
          endless().pipe(response);
        };
      });
      const unread = await send(key, Readable.from([block]));
      expect((await stopped()) - before).toBeLessThan(20 * MIB);
      await cut;
      unread.destroy();
    });

    it('refuses what is too large, whether it says so or not', async () => {
      const client = await worker({ methods: ALL });
      instance.stream = (request) => request.resume();
      const told = await client.request('POST', `${base}/api`, { raw: new Uint8Array(60 * MIB + 1) });
      expectProblem(told, 413, 'payload_too_large');
      const key = await keyWith({ methods: ALL });
      const block = Buffer.alloc(MIB);
      const answer = await send(key, Readable.from(Array.from({ length: 61 }, () => block)));
      expect(answer.statusCode).toBe(413);
      answer.resume();
    });

    it('gives up on a caller that stops in the middle, and says whose fault it is', async () => {
      const key = await keyWith({ methods: ALL });
      instance.stream = (request) => request.resume();
      const stalled = new Readable({ read: () => undefined });
      stalled.push('begin');
      const answer = await send(key, stalled);
      expect([answer.statusCode, answer.headers['proxy-status']]).toEqual([
        408,
        'platform-manager; error=http_request_error',
      ]);
      answer.resume();
      stalled.push(null);
    });

    it('passes on an answer that comes before the end of the body', async () => {
      const key = await keyWith({ methods: ALL });
      instance.stream = (request, response) => {
        response.writeHead(422).end('no');
        request.resume();
      };
      const answer = await send(key, Readable.from(Array.from({ length: 20 }, () => Buffer.alloc(MIB))));
      expect(answer.statusCode).toBe(422);
      answer.resume();
    });
  });

  describe('the policy of a key', () => {
    const refused = async (policy: object | undefined, method: string, path: string): Promise<void> => {
      const client = await worker(policy);
      const answer = await client.request(method, `${base}${path}`);
      if (method !== 'HEAD') expectProblem(answer, 403, 'policy_refused');
      expect([answer.status, answer.header('proxy-status')]).toEqual([
        403,
        'platform-manager; error=http_request_denied',
      ]);
      expect(instance.received).toEqual([]);
    };

    it('allows reading alone unless it names methods', async () => {
      for (const policy of [undefined, { paths: ['/**'] }]) {
        await refused(policy, 'POST', '/api/v1/statuses');
        await refused(policy, 'DELETE', '/api/v1/statuses/1');
        expect((await (await worker(policy)).get(`${base}/api`)).status).toBe(200);
        instance.received.length = 0;
      }
    });

    it('may name methods', async () => {
      await refused({ methods: ['POST'] }, 'GET', '/api');
      await refused({ methods: ['POST'] }, 'DELETE', '/api');
      expect((await (await worker({ methods: ['POST'] })).post(`${base}/api`)).status).toBe(200);
    });

    it('may name paths, which no other spelling gets around', async () => {
      const policy = { methods: ALL, paths: ['/api/v1/statuses/*', '/api/v2/**'] };
      for (const path of [
        '/api/v1/statuses',
        '/api/v1/statuses/1/reblog',
        '/API/v1/statuses/1',
        '/api/v1/statuses/',
        '/api/v3/x',
        '/api%2Fv3%2Fx',
      ])
        await refused(policy, 'GET', path);
      const client = await worker(policy);
      for (const path of [
        '/api/v1/statuses/1',
        '/api/v1/status%65s/1',
        '/api%2Fv1%2Fstatuses%2F1',
        '/api/v2/a/b',
      ])
        expect((await client.get(`${base}${path}`)).status).toBe(200);
      expect((await client.get(`${base}/api/v1/statuses/..%2F..%2Fv3`)).status).toBe(400);
    });

    it('may name platforms', async () => {
      const { id: other } = await createPlatform(owner, app.backends.secrets, {
        instanceUrl: instance.origin,
      });
      await refused({ methods: ALL, platformIds: [other] }, 'GET', '/api');
    });

    it('may name addresses', () => refused({ addresses: ['203.0.113.0/24'] }, 'GET', '/api'));

    it('may bound the requests a minute', async () => {
      const client = await worker({ perMinute: 3 });
      for (let time = 0; time < 3; time++) expect((await client.get(`${base}/api`)).status).toBe(200);
      const answer = await client.get(`${base}/api`);
      expectProblem(answer, 429, 'rate_limited');
      expect(Number(answer.header('retry-after'))).toBeGreaterThan(0);
      expect(instance.received).toHaveLength(3);
    });

    it('ends with the key', async () => {
      const key = await keyWith({ methods: ALL });
      await app.backends.rows(`UPDATE api_keys SET expires_at = now() - interval '1 s' WHERE lookup = $1`, [
        key.slice(4, 12),
      ]);
      await app.backends.settled();
      expectProblem(await app.client.as({ accessToken: key }).get(`${base}/api`), 401, 'unauthenticated');
    });

    it('is no good without the scope', async () => {
      const key = await keyWith({ methods: ALL }, ['platforms:read', 'platforms:write', 'credentials:read']);
      expectProblem(await app.client.as({ accessToken: key }).get(`${base}/api`), 403, 'forbidden');
    });

    it('is shown as it was made, and what is wrong with it is named', async () => {
      const policy = { methods: ['GET', 'POST'], paths: ['/api/**'], perMinute: 5 };
      const made = await owner.client.post('/v1/api-keys', { name: 'x', scopes: ['platforms:use'], policy });
      expect(made.json()).toMatchObject({ policy });
      for (const [wrong, pointer] of [
        [{ methods: ['TRACE'] }, '/policy/methods'],
        [{ methods: [] }, '/policy/methods'],
        [{ paths: ['/a/../b'] }, '/policy/paths'],
        [{ paths: ['api'] }, '/policy/paths'],
        [{ perMinute: 0 }, '/policy/perMinute'],
      ] as const) {
        const answer = await owner.client.post('/v1/api-keys', {
          name: 'x',
          scopes: ['platforms:use'],
          policy: wrong,
        });
        expectProblem(answer, 400, 'validation_failed');
        expect(answer.json<{ errors: { pointer: string }[] }>().errors[0]?.pointer).toContain(pointer);
      }
    });
  });

  /** A POST whose length nobody says. */
  function send(key: string, body: Readable, to = app): Promise<http.IncomingMessage> {
    return new Promise((resolve, reject) => {
      const { hostname, port } = new URL(to.baseUrl);
      const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/octet-stream' };
      const request = http.request(
        { hostname, port, method: 'POST', path: `${base}/api/v2/media`, headers },
        resolve,
      );
      request.on('error', reject);
      body.pipe(request);
    });
  }
});

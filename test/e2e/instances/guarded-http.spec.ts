import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GuardedHttp } from '../../../src/instances/guarded-http.js';
import { selfSignedCertificate } from '../../support/fake-instance/certificate.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { MISBEHAVIOURS, type Misbehaviour } from '../../support/fake-instance/misbehaviour.js';
import { DeafServer } from '../../support/servers/deaf-server.js';

const PATH = '/api/v1/accounts/verify_credentials';

/** Long enough for an answer on a busy machine. */
const TIMEOUT_MS = 5000;
/** Of what is never answered to the end. */
const SHORT_TIMEOUT_MS = 1000;
const ENDLESS: readonly Misbehaviour[] = ['slow-body', 'silent'];

function guarded(allowlist: string[], ca?: string, timeoutMs = TIMEOUT_MS): GuardedHttp {
  return new GuardedHttp({
    allowlist: new Set(allowlist),
    userAgent: 'PlatformManager/test',
    timeoutMs,
    ...(ca !== undefined && { ca }),
  });
}

describe('GuardedHttp against a server', () => {
  let instance: FakeInstance;
  afterEach(() => instance.close());

  it('asks an allow-listed host over http, with a User-Agent, and reads JSON', async () => {
    instance = await startFakeInstance('gotosocial');
    instance.addToken('good-token');
    const response = await guarded([instance.host]).request(`${instance.origin}${PATH}`, {
      headers: { Authorization: 'Bearer good-token' },
    });
    expect(response.status).toBe(200);
    expect(JSON.parse(response.jsonText ?? '')).toMatchObject({ id: '1', username: 'alice' });
  });

  it('waits longer than a quarter of a second for the first of two addresses', async () => {
    instance = await startFakeInstance('mastodon');
    const far = await DeafServer.start();
    try {
      const http = new GuardedHttp({
        allowlist: new Set([`localhost:${far.port}`]),
        userAgent: 'PlatformManager/test',
        timeoutMs: 20_000,
        resolve: async () => [
          { address: '127.0.0.1', family: 4 },
          { address: '::1', family: 6 },
        ],
      });
      const asked = http.request(`http://localhost:${far.port}/`);
      await sleep(500); // longer than Node's own 250 ms for an address
      far.hear();
      expect((await asked).status).toBe(200);
    } finally {
      far.close();
    }
  });

  it('trusts no certificate but those of known authorities', async () => {
    const tls = await selfSignedCertificate();
    instance = await startFakeInstance('mastodon', { tls });
    const url = `${instance.origin}/.well-known/nodeinfo`;
    await expect(guarded([instance.host]).request(url)).rejects.toThrow('cannot be reached');
    expect(instance.requests).toEqual([]);
    expect((await guarded([instance.host], tls.cert).request(url)).status).toBe(200);
  });

  it('connects to no loopback port that is not allow-listed', async () => {
    instance = await startFakeInstance('mastodon');
    await expect(guarded([]).request(instance.origin)).rejects.toMatchObject({ reason: 'blocked_address' });
    await expect(guarded(['127.0.0.1']).request(instance.origin)).rejects.toMatchObject({
      reason: 'blocked_address',
    });
    expect(instance.connections).toBe(0);
  });

  it('takes a refusal of snac, which says text/html and has no body, for no page', async () => {
    instance = await startFakeInstance('snac');
    const http = guarded([instance.host]);
    const bare = await http.request(`${instance.origin}${PATH}`);
    expect(bare).toMatchObject({ status: 422, jsonText: null });
    expect(bare.headers['content-type']).toBeUndefined();
    instance.misbehaviours.set('*', 'html');
    const page = await http.request(`${instance.origin}${PATH}`);
    expect(page.headers['content-type']).toBe('text/html');
  });

  const OUTCOMES: Record<(typeof MISBEHAVIOURS)[number], unknown> = {
    'redirect-to-html-login': { status: 302, jsonText: null },
    'redirect-elsewhere': { status: 301, jsonText: null },
    teapot: { status: 418 },
    'server-error': { status: 500 },
    'no-such-status': { status: 999 },
    throttled: { status: 429 },
    html: { status: 403, jsonText: null },
    'challenge-503': { status: 503, jsonText: null },
    'html-ok': { status: 200, jsonText: null },
    'wrong-json': { status: 200 },
    'broken-json': { status: 200, jsonText: '{"id":"1","username":' },
    'not-found': { status: 404 },
    'slow-body': { reason: 'instance_unreachable', message: 'The instance did not answer in time.' },
    silent: { reason: 'instance_unreachable', message: 'The instance did not answer in time.' },
    'endless-body': { reason: 'instance_error', message: 'The instance sent a response that is too large.' },
    'large-body': { reason: 'instance_error', message: 'The instance sent a response that is too large.' },
    'huge-headers': { reason: 'instance_error' },
    'wrong-content-type': { status: 200, jsonText: null },
    compressed: { reason: 'instance_error' },
    'no-http': { reason: 'instance_error' },
    'hang-up': { reason: 'instance_unreachable' },
  };

  it.each(MISBEHAVIOURS)('survives %s within the deadline, and follows nothing', async (how) => {
    instance = await startFakeInstance('mastodon');
    instance.misbehaviours.set('*', how);
    const timeoutMs = ENDLESS.includes(how) ? SHORT_TIMEOUT_MS : TIMEOUT_MS;
    const started = performance.now();
    const outcome: unknown = await guarded([instance.host], undefined, timeoutMs)
      .request(`${instance.origin}${PATH}`)
      .catch((error: unknown) => error);
    expect(outcome).toMatchObject(OUTCOMES[how] as object);
    expect(performance.now() - started).toBeLessThan(timeoutMs + 5000);
    expect(instance.requests).toHaveLength(1);
    if (outcome instanceof Error) expect(outcome.message).not.toMatch(/127|E[A-Z]+/);
  });
});

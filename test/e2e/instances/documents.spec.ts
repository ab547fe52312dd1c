import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { GuardedHttp } from '../../../src/instances/guarded-http.js';
import { readNodeinfo } from '../../../src/instances/nodeinfo.js';
import { actorOf } from '../../../src/instances/webfinger.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';

interface Shape {
  readonly from: string;
  readonly type: string;
  readonly bom?: boolean;
  readonly body: unknown;
  readonly software: string;
  readonly version: string;
}

const SHAPES = JSON.parse(readFileSync('test/vectors/nodeinfo/documents.json', 'utf8')) as readonly Shape[];
const DISCOVERY = '/.well-known/nodeinfo';
const DOCUMENT = '/nodeinfo/2.0';
const WEBFINGER = '/.well-known/webfinger';
const REL = 'http://nodeinfo.diaspora.software/ns/schema/2.0';

describe('what instances send', () => {
  let fake: FakeInstance;
  let port: string;
  let http: GuardedHttp;

  beforeEach(async () => {
    fake = await startFakeInstance('mastodon');
    ({ port } = new URL(fake.origin));
    http = new GuardedHttp({
      allowlist: new Set(
        ['127.0.0.1', 'site.test', 'www.site.test', 'social.test'].map((host) => `${host}:${port}`),
      ),
      userAgent: 'PlatformManager/test',
      timeoutMs: 5000,
      resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    });
  });
  afterEach(() => fake.close());

  const at = (host: string) => `http://${host}:${port}`;

  describe('nodeinfo', () => {
    it.each(SHAPES)('is read from $from', async ({ type, bom, body, software, version }) => {
      const bytes = Buffer.from(`${bom === true ? '\uFEFF' : ''}${JSON.stringify(body)}`);
      fake.files.set(DOCUMENT, { type, bytes });
      expect(await readNodeinfo(http, fake.origin)).toMatchObject({
        origin: fake.origin,
        software,
        version,
      });
    });

    it('is not read from a page, whatever stands in it', async () => {
      const bytes = Buffer.from(JSON.stringify(SHAPES[0]?.body));
      fake.files.set(DOCUMENT, { type: 'text/html', bytes });
      await expect(readNodeinfo(http, fake.origin)).rejects.toMatchObject({ code: 'not_an_instance' });
    });

    it('is read behind one redirect on the same host, at both addresses', async () => {
      const links = Buffer.from(JSON.stringify({ links: [{ rel: REL, href: `${fake.origin}${DOCUMENT}` }] }));
      fake.redirects.set(DISCOVERY, `${DISCOVERY}/`).set(DOCUMENT, `${fake.origin}/nodeinfo/2.0.json`);
      fake.files.set(`${DISCOVERY}/`, { type: 'application/json', bytes: links });
      expect(await readNodeinfo(http, fake.origin)).toMatchObject({ software: 'mastodon' });
    });

    it('is not read behind two redirects', async () => {
      fake.redirects.set(DISCOVERY, '/one').set('/one', '/two');
      await expect(readNodeinfo(http, fake.origin)).rejects.toMatchObject({ code: 'not_an_instance' });
      expect(fake.asked('/two')).toEqual([]);
    });

    it.each([
      ['site.test', 'www.site.test'],
      ['www.site.test', 'site.test'],
    ])('is read when %s leads to %s, which is the instance then', async (from, to) => {
      fake.redirects.set(`${from}:${port}${DISCOVERY}`, `${at(to)}${DISCOVERY}`);
      fake.discovery = { links: [{ rel: REL, href: `${at(to)}${DOCUMENT}` }] };
      expect(await readNodeinfo(http, at(from))).toMatchObject({ origin: at(to), software: 'mastodon' });
    });

    it.each([
      ['https://social.example.org/.well-known/nodeinfo', 'instance_moved'],
      ['http://127.0.0.1:1/.well-known/nodeinfo', 'not_an_instance'],
      ['https://169.254.169.254/latest/meta-data/', 'not_an_instance'],
      ['ftp://site.test/', 'not_an_instance'],
    ])('is not asked for at %s, where a redirect leads', async (location, code) => {
      fake.redirects.set(DISCOVERY, location);
      const refused = readNodeinfo(http, fake.origin);
      await expect(refused).rejects.toMatchObject({ code });
      if (code === 'instance_moved')
        await expect(refused).rejects.toThrow(/It says its address is social\.example\.org\.$/);
      expect(fake.requests).toHaveLength(1);
    });

    it.each(['html', 'challenge-503'] as const)('is blocked by a challenge (%s)', async (how) => {
      fake.misbehaviours.set('*', how);
      await expect(readNodeinfo(http, fake.origin)).rejects.toMatchObject({
        code: 'instance_blocks_programs',
      });
    });
  });

  describe('a handle of another domain', () => {
    const ACTOR = { rel: 'self', type: 'application/activity+json' };
    const json = (value: unknown, type = 'application/jrd+json') => ({
      type,
      bytes: Buffer.from(JSON.stringify(value)),
    });
    const find = () => actorOf(http, { user: 'alice', origin: at('site.test') });

    it.each(['application/jrd+json; charset=utf-8', 'application/json', 'text/plain', ''])(
      'leads to the actor that WebFinger names (%s)',
      async (type) => {
        const links = [
          {
            rel: 'http://webfinger.net/rel/profile-page',
            type: 'text/html',
            href: `${at('social.test')}/@a`,
          },
          { rel: 'http://ostatus.org/schema/1.0/subscribe', template: 'https://x.example/{uri}' },
          { ...ACTOR, href: `${at('social.test')}/users/alice` },
        ];
        fake.files.set(WEBFINGER, json({ subject: 'acct:alice@site.test', links }, type));
        expect((await find())?.href).toBe(`${at('social.test')}/users/alice`);
      },
    );

    it('leads to the host that WebFinger redirects to, and to its actor', async () => {
      fake.redirects.set(`site.test:${port}${WEBFINGER}`, `${at('social.test')}${WEBFINGER}?resource=x`);
      fake.files.set(WEBFINGER, json({ links: [{ ...ACTOR, href: `${at('social.test')}/users/alice` }] }));
      expect((await find())?.href).toBe(`${at('social.test')}/users/alice`);
      fake.files.set(WEBFINGER, json({ error: 'Not found' }));
      expect((await find())?.href).toBe(`${at('social.test')}/`);
    });

    it('leads to the host in the template of host-meta', async () => {
      const xrd =
        '<?xml version="1.0"?><XRD xmlns="http://docs.oasis-open.org/ns/xri/xrd-1.0">' +
        `<Link rel="lrdd" template="${at('social.test')}${WEBFINGER}?resource={uri}"/></XRD>`;
      fake.files.set('/.well-known/host-meta', { type: 'application/xrd+xml', bytes: Buffer.from(xrd) });
      expect((await find())?.origin).toBe(at('social.test'));
    });

    it.each(['not-found', 'html-ok', 'wrong-json', 'broken-json', 'hang-up', 'server-error'] as const)(
      'leads nowhere where the domain answers with %s',
      async (how) => {
        fake.misbehaviours.set('*', how);
        expect(await find()).toBeNull();
        expect(fake.requests.length).toBeLessThanOrEqual(3);
      },
    );
  });
});

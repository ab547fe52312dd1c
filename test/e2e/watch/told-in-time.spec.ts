import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { FakeInstances } from '../../support/fake-instance/fake-instances.js';
import { HttpClient } from '../../support/http-client.js';
import { insertConnections } from '../../support/insert-connections.js';
import { insertUsers } from '../../support/insert-users.js';
import { expectNoneSeen } from '../../support/leaks.js';
import { MailServer } from '../../support/mail-server.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { Receiver } from '../../support/webhooks.js';

/** TOLD_CONNECTIONS=1000 is the long run, with the watcher's own pace; every tenth is revoked. */
const LONG = process.env.TOLD_CONNECTIONS !== undefined;
const CONNECTIONS = Number(process.env.TOLD_CONNECTIONS ?? 100);
const EACH = 10;
const INSTANCES = 10;
const PACE: Readonly<Record<string, string>> = LONG
  ? {}
  : { WATCH_ROUND_SECONDS: '1', WATCH_SPACING_MS: '20' };
const TIMEOUT_MS = LONG ? 900_000 : 80_000;
const MAX_P95_SECONDS = 60;

let backends: Backends;
let fakes: FakeInstances;
let mails: MailServer;
let receiver: Receiver;
const arrivals: number[] = [];
let api: ApiProcess | undefined;

beforeAll(async () => {
  backends = await Backends.create();
  [fakes, mails, receiver] = await Promise.all([
    FakeInstances.atMost(INSTANCES),
    MailServer.start(),
    Receiver.start(),
  ]);
  receiver.server.answer = (_request, response) => {
    arrivals.push(Date.now());
    response.writeHead(204).end();
  };
}, 60_000);
afterAll(async () => {
  await api?.stop();
  expectNoneSeen(backends);
  await Promise.all([mails.close(), receiver.close(), fakes.closeAll()]);
  await backends.remove();
}, 60_000);

it(
  `of ${CONNECTIONS} connections a tenth is revoked: each owner hears once by webhook and by mail, within a minute of the first failed use, and nobody else`,
  async () => {
    const instances = await Promise.all(Array.from({ length: INSTANCES }, () => fakes.start('mastodon')));
    api = await startApi({
      env: {
        ...backends.env(),
        ...mails.env(),
        ...PACE,
        WATCH_ENABLED: 'true',
        INSTANCE_HOST_ALLOWLIST: [fakes.allowlist, receiver.server.host].join(),
      },
    });
    const { output, baseUrl } = api;
    backends.logs.push(() => output);
    const users = await insertUsers(backends, CONNECTIONS / EACH);
    const inputs = users.flatMap(({ id: userId }) =>
      instances.map((fake, index) => {
        const accessToken = backends.secrets.make('access-token');
        fake.addToken(accessToken, index === userId % INSTANCES ? 'invalid' : 'good');
        return { userId, instanceUrl: fake.origin, accessToken };
      }),
    );
    const ids = await insertConnections(
      (text, values) => backends.rows(text, values),
      backends.keyRing,
      inputs,
    );
    const revoked = ids.filter((_, index) => {
      const { userId = 0, instanceUrl } = inputs[index] ?? {};
      return instances[userId % INSTANCES]?.origin === instanceUrl;
    });
    await backends.rows(
      `UPDATE platform_connections SET status = 'connected', is_active = id = ANY ($1::integer[]), is_default = false`,
      [ids],
    );
    await backends.rows('UPDATE users SET email_verified_at = now()');

    const client = new HttpClient(baseUrl, backends.exchanges, backends.secrets);
    const events = ['platform.broken', 'platform.recovered'];
    for (const { token: accessToken } of users) {
      const made = await client.as({ accessToken }).post('/v1/webhooks', { url: receiver.url, events });
      expect(made.status).toBe(201);
    }
    await backends.rows('UPDATE platform_watch SET next_check_at = now()');

    const all = () => receiver.messages.length >= revoked.length && mails.received.length >= revoked.length;
    await waitUntil(all, { timeoutMs: TIMEOUT_MS, intervalMs: 200, what: 'all owners to be told' });
    const checked = async () =>
      (await backends.rows('SELECT 1 FROM platform_checks WHERE outcome = $1', ['connected'])).length ===
      ids.length - revoked.length;
    await waitUntil(checked, { timeoutMs: TIMEOUT_MS, intervalMs: 200, what: 'the others to be checked' });

    const told = receiver.messages.map(({ data }) => data.platformId);
    expect(told.sort((a, b) => a - b)).toEqual([...revoked].sort((a, b) => a - b));
    expect(new Set(mails.received.map(({ to }) => to)).size).toBe(mails.received.length);

    const failed = await backends.rows<{ id: number; email: string; at: Date }>(
      `SELECT platform_id AS id, email, first_at AS at FROM platform_checks JOIN platform_connections c ON c.id = platform_id
       JOIN users u ON u.id = user_id WHERE outcome = 'token_invalid'`,
    );
    const byWebhook = receiver.messages.map(({ data }, index) => {
      const { at } = failed.find(({ id }) => id === data.platformId) ?? {};
      return (arrivals[index] ?? NaN) - Number(at);
    });
    const byMail = mails.received.map(({ to, arrivedAt }) => {
      const { at } = failed.find(({ email }) => email === to) ?? {};
      return arrivedAt - Number(at);
    });
    for (const [way, delays] of Object.entries({ webhook: byWebhook, mail: byMail })) {
      const seconds = delays.map((delay) => delay / 1000).sort((a, b) => a - b);
      const at = (share: number) => seconds[Math.ceil(seconds.length * share) - 1] ?? NaN;
      if (LONG)
        process.stdout.write(
          `${way}: p50 ${at(0.5)} s, p95 ${at(0.95)} s, max ${at(1)} s of ${seconds.length}\n`,
        );
      expect(at(0.95)).toBeLessThanOrEqual(MAX_P95_SECONDS);
    }
  },
  2 * TIMEOUT_MS + 60_000,
);

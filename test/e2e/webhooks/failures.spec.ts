import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KeyRotation } from '../../../src/keys/key-rotation.js';
import { WebhookRetention } from '../../../src/webhooks/webhook-retention.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { MailServer } from '../../support/mail-server.js';
import { expectProblem } from '../../support/problems.js';
import {
  Receiver,
  type WebhookJson,
  createWebhook,
  deliveriesOf,
  isSignedBy,
} from '../../support/webhooks.js';

const EVENTS = ['platform.created', 'platform.updated'];
const silent = { started: () => undefined, advanced: () => undefined, finished: () => undefined };

describe('a webhook that fails', () => {
  let backends: Backends;
  let receiver: Receiver;
  let mails: MailServer;
  let app: TestApp;
  let owner: Person;

  beforeAll(async () => {
    [backends, receiver, mails] = await Promise.all([
      Backends.create(),
      Receiver.start(),
      MailServer.start(),
    ]);
    app = await startTestApp({ backends, env: { ...env(), ...mails.env() } });
  });
  beforeEach(async () => {
    receiver.forget();
    receiver.answerWith(204);
    owner = await register(app.client, backends.secrets);
  });
  afterEach(async () => {
    await backends.rows('DELETE FROM webhooks');
  });
  afterAll(async () => {
    try {
      await app.expectCleanRecord();
    } finally {
      await app.app.close();
      await Promise.all([receiver.close(), mails.close()]);
      await backends.remove();
    }
  });

  const env = () => ({ INSTANCE_HOST_ALLOWLIST: receiver.server.host, INSTANCE_TIMEOUT_MS: '1000' });
  const shown = async (id: number): Promise<WebhookJson> =>
    (await owner.client.get(`/v1/webhooks/${id}`)).json<WebhookJson>();
  const paused = (id: number): Promise<WebhookJson> =>
    waitUntil(
      async () => {
        const webhook = await shown(id);
        return webhook.isActive ? null : webhook;
      },
      { timeoutMs: 10_000, what: 'the webhook to be paused' },
    );
  const failed = (attempts: number): Promise<unknown> =>
    waitUntil(
      async () =>
        (await backends.rows('SELECT 1 FROM webhook_streams WHERE attempts >= $1', [attempts])).length,
      {
        timeoutMs: 10_000,
        what: `${attempts} failures`,
      },
    );
  const dayLater = () =>
    backends.rows(
      `UPDATE webhook_streams SET due_at = now(), failing_since = failing_since - interval '24 hours'`,
    );
  /** Everything that was published before is delivered. */
  const quiet = async (id: number): Promise<void> => {
    await backends.published();
    const handedOver = () =>
      backends.rows('SELECT 1 FROM event_handover, platform_event_position WHERE event_id >= last_event_id');
    await waitUntil(async () => (await handedOver()).length === 1, {
      timeoutMs: 10_000,
      what: 'the events to be handed over to the webhooks',
    });
    await waitUntil(async () => (await deliveriesOf(owner.client, id, '?status=pending')).length === 0, {
      timeoutMs: 10_000,
      what: 'nothing to wait',
    });
  };

  it('is paused after a day, its owner gets a mail, and all that waits is sent when it is resumed', async () => {
    receiver.answerWith(500);
    const { id } = await createWebhook(owner.client, receiver.url, EVENTS);
    const platform = await createPlatform(owner, backends.secrets);
    await failed(1);
    expect(await shown(id)).toMatchObject({ isActive: true, failingSince: expect.any(String) });
    await dayLater();
    expect(await paused(id)).toMatchObject({ pausedBecause: 'failing' });
    const mail = await waitUntil(
      () => mails.received.find(({ to, source }) => to === owner.email && source.includes('webhook')),
      { timeoutMs: 15_000, what: 'the mail' },
    );
    expect(mail.source).toContain(receiver.server.origin);
    expect(mail.source).not.toContain('/hooks?');

    await owner.client.patch(`/v1/platforms/${platform.id}`, { name: 'while it was paused' });
    await backends.published();
    receiver.forget();
    receiver.answerWith(204);
    const resumed = await owner.client.patch(`/v1/webhooks/${id}`, { isActive: true });
    expect(resumed.json()).toMatchObject({ isActive: true, pausedBecause: null, failingSince: null });
    await receiver.received(2);
    expect(receiver.messages.map(({ type }) => type)).toEqual(EVENTS);
  });

  it('gives up one message that is never accepted while it accepts others', async () => {
    const { id } = await createWebhook(owner.client, receiver.url, EVENTS);
    receiver.answerWith(400, 'bad');
    const bad = await createPlatform(owner, backends.secrets);
    await failed(1);
    receiver.answerWith(204);
    await createPlatform(owner, backends.secrets);
    await receiver.received(2);
    await waitUntil(async () => (await deliveriesOf(owner.client, id, '?status=delivered')).length, {
      timeoutMs: 30_000,
      what: 'one to be delivered',
    });
    await owner.client.patch(`/v1/platforms/${bad.id}`, { name: 'comes after it' });
    await backends.published();
    receiver.answerWith(400, 'bad');
    await dayLater();
    const given = await waitUntil(async () => (await deliveriesOf(owner.client, id, '?status=failed'))[0], {
      timeoutMs: 10_000,
      what: 'it to be given up',
    });
    expect(given).toMatchObject({ platformId: bad.id, attempts: 2, responseBody: 'bad' });
    expect(await shown(id)).toMatchObject({ isActive: true });
    receiver.answerWith(204);
    await backends.rows('UPDATE webhook_streams SET due_at = now() WHERE due_at IS NOT NULL');
    await quiet(id);
    expect(receiver.messages.at(-1)).toMatchObject({
      type: 'platform.updated',
      data: { platformId: bad.id },
    });
  });

  it('is paused at once by 410, and by its owner; nothing is sent and nothing lost meanwhile', async () => {
    receiver.answerWith(410);
    const gone = await createWebhook(owner.client, receiver.url, EVENTS);
    const { id } = await createPlatform(owner, backends.secrets);
    expect(await paused(gone.id)).toMatchObject({ pausedBecause: 'gone' });
    receiver.answerWith(204);
    await owner.client.delete(`/v1/webhooks/${gone.id}`);
    const own = await createWebhook(owner.client, receiver.url, EVENTS);
    const off = await owner.client.patch(`/v1/webhooks/${own.id}`, { isActive: false });
    expect(off.json()).toMatchObject({ isActive: false, pausedBecause: 'owner' });
    receiver.forget();
    await owner.client.patch(`/v1/platforms/${id}`, { name: 'while it is off' });
    await backends.published();
    await waitUntil(async () => (await deliveriesOf(owner.client, own.id)).length, {
      timeoutMs: 30_000,
      what: 'a row',
    });
    expect(receiver.server.received).toEqual([]);
    await owner.client.patch(`/v1/webhooks/${own.id}`, { isActive: true });
    await receiver.received(1);
  });

  it('shows in the metrics what waits and for how long, without paused webhooks, and what came of each attempt', async () => {
    const read = async () => {
      const { text } = await app.client.get('/metrics');
      const of = (name: string) =>
        Number(
          text
            .split('\n')
            .find((line) => line.startsWith(`${name} `))
            ?.split(' ')[1],
        );
      const came = (outcome: string) => of(`webhook_deliveries_total{outcome="${outcome}"}`) || 0;
      const [postponed, delivered] = [came('postponed'), came('delivered')];
      return { pending: of('webhook_pending'), lag: of('webhook_lag_seconds'), postponed, delivered };
    };
    const becomes = (wanted: (figures: Awaited<ReturnType<typeof read>>) => boolean) =>
      waitUntil(async () => wanted(await read()), {
        timeoutMs: 25_000,
        what: 'the figures',
        intervalMs: 250,
      });
    const before = await read();
    receiver.answerWith(500);
    const { id } = await createWebhook(owner.client, receiver.url, EVENTS);
    const off = await createWebhook(owner.client, receiver.url, EVENTS);
    await owner.client.patch(`/v1/webhooks/${off.id}`, { isActive: false });
    for (let count = 0; count < 3; count++) await createPlatform(owner, backends.secrets);
    await failed(1);
    await backends.rows(
      `UPDATE webhook_deliveries SET created_at = now() - interval '1 hour'
       WHERE id = (SELECT min(id) FROM webhook_deliveries WHERE webhook_id = $1)`,
      [id],
    );
    await becomes(
      ({ pending, lag, postponed }) => pending === 3 && lag >= 3600 && postponed >= before.postponed + 3,
    );
    receiver.answerWith(204);
    await backends.rows(`UPDATE webhook_streams SET due_at = now() WHERE due_at < 'infinity'`);
    await quiet(id);
    await becomes(
      ({ pending, lag, delivered }) => pending === 0 && lag === 0 && delivered >= before.delivered + 3,
    );
  }, 60_000);

  it('waits as long as Retry-After says', async () => {
    receiver.answerWith(503, '', { 'Retry-After': '1800' });
    const { id } = await createWebhook(owner.client, receiver.url, EVENTS);
    await createPlatform(owner, backends.secrets);
    await failed(1);
    const [waiting] = await deliveriesOf(owner.client, id);
    const inSeconds = (Date.parse(waiting?.nextAttemptAt ?? '') - Date.now()) / 1000;
    expect(inSeconds).toBeGreaterThan(1700);
    expect(inSeconds).toBeLessThanOrEqual(1800);
  });

  it('sends again: one message with the same id, all from an event on, and a test', async () => {
    const { id, secret } = await createWebhook(owner.client, receiver.url, EVENTS);
    const one = await createPlatform(owner, backends.secrets);
    await owner.client.patch(`/v1/platforms/${one.id}`, { name: 'second' });
    await createPlatform(owner, backends.secrets);
    await receiver.received(3);
    await quiet(id);
    // Two connections: what comes first of the one may come last of all.
    const events = receiver.messages.map(({ data }) => data.eventId).sort((a, b) => a - b);
    const [latest] = await deliveriesOf(owner.client, id);
    receiver.forget();

    const again = await owner.client.post(`/v1/webhooks/${id}/deliveries/${latest?.id}/resend`);
    expect(again.json()).toMatchObject({ messageId: latest?.messageId, status: 'pending', attempts: 0 });
    await receiver.received(1);
    expect(receiver.server.last.headers['webhook-id']).toBe(latest?.messageId);
    await quiet(id);
    receiver.forget();

    const replayed = await owner.client.post(`/v1/webhooks/${id}/replay`, { fromEventId: events[1] });
    expect(replayed.json()).toEqual({ queued: 2, nextEventId: null });
    await receiver.received(2);
    expect(receiver.messages.map(({ data }) => data.eventId).sort((a, b) => a - b)).toEqual(events.slice(1));
    receiver.forget();

    const tested = await owner.client.post(`/v1/webhooks/${id}/test`);
    expect(tested.json()).toMatchObject({ type: 'webhook.test', platformId: null, eventId: null });
    const [test] = await receiver.received(1);
    expect(test !== undefined && isSignedBy(secret, test)).toBe(true);

    await backends.rows(
      'UPDATE platform_event_position SET forgotten_event_id = 1 WHERE forgotten_event_id = 0',
    );
    const forgotten = await owner.client.post(`/v1/webhooks/${id}/replay`, { fromEventId: 1 });
    expectProblem(forgotten, 409, 'events_forgotten');
    const unknown = await owner.client.post(`/v1/webhooks/${id}/deliveries/9007199254740991/resend`);
    expectProblem(unknown, 404, 'delivery_not_found');
  });

  it('signs by both secrets for a day after a new one was made, and by the new one alone afterwards', async () => {
    const { id, secret: old } = await createWebhook(owner.client, receiver.url, EVENTS);
    const rotated = (await owner.client.post(`/v1/webhooks/${id}/secret`)).json<WebhookJson>();
    const signers = async (): Promise<boolean[]> => {
      receiver.forget();
      await owner.client.post(`/v1/webhooks/${id}/test`);
      const [request] = await receiver.received(1);
      return [old, rotated.secret].map((secret) => request !== undefined && isSignedBy(secret, request));
    };
    expect(await signers()).toEqual([true, true]);
    await backends.rows(`UPDATE webhooks SET previous_until = now() - interval '1 second'`);
    expect(await signers()).toEqual([false, true]);
  });

  it('signs by the same secret after the keys were rotated; a secret of another row is not used', async () => {
    const { id, secret } = await createWebhook(owner.client, receiver.url, EVENTS);
    const other = await createWebhook(owner.client, receiver.url, EVENTS);
    const newKey = `${randomBytes(32).toString('base64url')}=`;
    const rotating = await startTestApp({
      backends,
      env: { ...env(), PLATFORM_ENCRYPTION_KEY: `${newKey},${backends.encryptionKey}` },
    });
    try {
      const outcomes = await rotating.app.get(KeyRotation).rotate(silent);
      expect(outcomes).toContainEqual(
        expect.objectContaining({ what: 'secrets of webhooks', rewritten: 2, complete: true }),
      );
      // Only the process with the new key can send it.
      await waitUntil(
        async () => {
          await backends.rows('UPDATE webhooks SET paused_at = NULL, paused_because = NULL');
          await backends.rows('UPDATE webhook_streams SET due_at = now() WHERE due_at IS NOT NULL');
          if (receiver.server.received.length === 0)
            await owner.client.at(rotating.baseUrl).post(`/v1/webhooks/${id}/test`);
          return receiver.server.received.length > 0;
        },
        { timeoutMs: 10_000, what: 'the test', intervalMs: 100 },
      );
      expect(isSignedBy(secret, receiver.server.last)).toBe(true);
      await backends.rows(
        'UPDATE webhooks SET secrets = (SELECT secrets FROM webhooks WHERE id = $1) WHERE id = $2',
        [id, other.id],
      );
      await owner.client.post(`/v1/webhooks/${other.id}/test`);
      expect(await paused(other.id)).toMatchObject({ pausedBecause: 'secret' });
    } finally {
      await rotating.app.close();
    }
  });

  it('keeps deliveries for a week', async () => {
    const { id } = await createWebhook(owner.client, receiver.url, EVENTS);
    for (let count = 1; count <= 2; count++) {
      await owner.client.post(`/v1/webhooks/${id}/test`);
      await receiver.received(count);
    }
    await quiet(id);
    await backends.rows(
      `UPDATE webhook_deliveries SET created_at = now() - interval '169 hours' WHERE id = (SELECT min(id) FROM webhook_deliveries)`,
    );
    expect(await app.app.get(WebhookRetention).trim()).toBe(1);
    expect(await deliveriesOf(owner.client, id)).toHaveLength(1);
    expect(await backends.rows('SELECT 1 FROM webhook_streams')).toEqual([]);
  });
});

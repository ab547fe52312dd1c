import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { type Person, type PlatformJson, createPlatform, register } from '../../support/factories.js';
import { Listeners } from '../../support/listeners.js';
import { expectProblem } from '../../support/problems.js';

let backends: Backends;
let app: TestApp;
let ears: Listeners;
let ada: Person;
let open: PlatformJson;
let closed: PlatformJson;

beforeAll(async () => {
  backends = await Backends.create();
  app = await startTestApp({ backends, env: { TRUST_PROXY: '127.0.0.1' } });
  ears = new Listeners(app.baseUrl, backends.exchanges);
  ada = await register(app.client, backends.secrets);
  closed = await createPlatform(ada, backends.secrets);
  open = await createPlatform(ada, backends.secrets);
});
afterEach(() => ears.closeAll());
afterAll(async () => {
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
});

async function make(policy: object): Promise<{ id: number; key: string }> {
  return (await ada.client.post('/v1/api-keys', { name: 'ear', scopes: ['platforms:read'], policy })).json();
}
const rename = ({ id }: PlatformJson, name: string) => ada.client.patch(`/v1/platforms/${id}`, { name });
const forwarded = (address: string) => ({ 'X-Forwarded-For': address });

describe.each([
  ['Socket.IO', 'socket'],
  ['server-sent events', 'stream'],
] as const)('%s with a key that is limited to a connection', (_name, kind) => {
  it('hears of that one only, live and of what was missed', async () => {
    await backends.published();
    const { key } = await make({ platformIds: [open.id] });
    const [all, live] = [await ears[kind](ada.accessToken), await ears[kind](key)];
    const start = all.lastEventId;
    for (let n = 0; n < 3; n++) {
      await rename(closed, `closed ${kind} ${n}`);
      await rename(open, `open ${kind} ${n}`);
    }
    await all.until(() => all.events.length === 6, 'all events');
    const wanted = all.events
      .filter(({ platformId }) => platformId === open.id)
      .map(({ eventId }) => eventId);
    expect(wanted).toHaveLength(3);
    await live.until(() => live.events.length === 3, 'its events');
    const resumed = await ears[kind](key, start);
    for (const ear of [live, resumed]) expect(ear.ids).toEqual(wanted);
    expect(resumed.lastEventId).toBe(all.lastEventId);
  });
});

describe('a key that is limited to addresses', () => {
  it('is refused from elsewhere, by both transports', async () => {
    const { key } = await make({ addresses: ['203.0.113.0/24'] });
    const bearer = app.client.as({ accessToken: key });
    expect((await bearer.get('/v1/events', forwarded('203.0.113.9'))).status).toBe(200);
    expectProblem(await bearer.get('/v1/events', forwarded('203.0.114.9')), 403, 'policy_refused');

    const extraHeaders = forwarded('203.0.114.9');
    for (const transports of [['websocket'], ['polling']]) {
      const refused = await ears.refusal({ token: key }, { transports, extraHeaders });
      expect(refused).toEqual({ code: 'policy_refused' });
    }
    const admitted = ears.open({ token: key, client: { extraHeaders: forwarded('::ffff:203.0.113.9') } });
    await admitted.sign('ready');
  });
});

describe('a Socket.IO client that changes to another token', () => {
  it('hears from then on of what that one permits, and keeps the old one if it is refused', async () => {
    const [limited, elsewhere] = [
      await make({ platformIds: [open.id] }),
      await make({ addresses: ['203.0.113.9'] }),
    ];
    const ear = await ears.socket(ada.accessToken);
    await rename(closed, 'before');
    await ear.event(({ platform }) => platform?.name === 'before');
    const change = ({ key: token }: { key: string }): Promise<unknown> =>
      ear.socket.emitWithAck('authenticate', { token });
    expect(await change(elsewhere)).toEqual({ ok: false, code: 'policy_refused' });
    await rename(closed, 'still heard');
    await ear.event(({ platform }) => platform?.name === 'still heard');
    expect(await change(limited)).toEqual({ ok: true });
    await rename(closed, 'unheard');
    await rename(open, 'heard');
    await ear.event(({ platform }) => platform?.name === 'heard');
    expect(ear.events.map(({ platform }) => platform?.name)).toEqual(['before', 'still heard', 'heard']);
  });
});

describe('a client whose key is narrowed by SQL', () => {
  it('hears no more of what it may not see once its key is verified again', async () => {
    const { id, key } = await make({ platformIds: [open.id, closed.id] });
    const ear = await ears.stream(key);
    await backends.rows('UPDATE api_keys SET platform_ids = $2 WHERE id = $1', [id, [open.id]]);
    await backends.settled();
    let round = 0;
    await ear.until(async () => {
      const heard = ear.events.length;
      await rename(closed, `closed round ${(round += 1)}`);
      const name = `open round ${round}`;
      await rename(open, name);
      await ear.event((event) => event.platform?.name === name);
      return ear.events.slice(heard).every(({ platformId }) => platformId === open.id);
    }, 'the connection to be silent');
  });
});

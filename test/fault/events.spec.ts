import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { SocketListener, StreamListener } from '../support/event-listener.js';
import { FaultDeployment } from '../support/fault-deployment.js';
import type { FaultProcess } from '../support/fault-process.js';
import type { InsertedUser } from '../support/insert-users.js';
import { Nginx } from '../support/servers/nginx.js';

let deployment: FaultDeployment;
let left: FaultProcess;
let right: FaultProcess;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  deployment = await FaultDeployment.start();
  [left, right] = await Promise.all([deployment.startProcess(), deployment.startProcess()]);
}, 120_000);
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});
afterAll(() => deployment.remove(), 120_000);

async function listen({ api }: FaultProcess, { token }: InsertedUser, lastEventId?: number) {
  const listener = await SocketListener.connect(api.baseUrl, { token, lastEventId });
  open.push(listener);
  return listener;
}

async function newUser(): Promise<InsertedUser> {
  const [user] = await deployment.insertUsers(1);
  await deployment.backends.published();
  return user as InsertedUser;
}

const names = ({ events }: SocketListener | StreamListener) => events.map(({ platform }) => platform?.name);

describe('two processes', () => {
  it('tell their own clients of what is changed through the other one', async () => {
    const user = await newUser();
    const [one, two] = [await listen(left, user), await listen(right, user)];
    for (const [process, name] of [
      [left, 'through the left'],
      [right, 'through the right'],
    ] as const) {
      expect((await process.rename(user, name)).status).toBe(200);
      for (const ear of [one, two]) await ear.event(({ platform }) => platform?.name === name, name);
    }
    expect(one.ids).toEqual(two.ids);
  });

  it('answer whoever asks at once on hearing of a change with what is new', async () => {
    const user = await newUser();
    const ear = await listen(right, user);
    for (let version = 2; version < 40; version++) {
      const heard = new Promise<string>((resolve) => {
        ear.socket.once('platform', () => {
          void Promise.all([left.one(user), right.one(user)]).then((replies) =>
            resolve(replies.map(({ text }) => (JSON.parse(text) as { version: number }).version).join()),
          );
        });
      });
      // By hand: no writer drops the entries, only the relay does.
      await deployment.backends.sql.query('UPDATE platform_connections SET name = $1 WHERE id = $2', [
        `name ${version}`,
        user.platformId,
      ]);
      expect(await heard).toBe(`${version},${version}`);
    }
  });

  it('have 1,000 clients, each of which hears of its own changes and no others', async () => {
    const users = await deployment.insertUsers(1000);
    await deployment.backends.published();
    const ears: SocketListener[] = [];
    for (let start = 0; start < users.length; start += 100) {
      const some = users.slice(start, start + 100);
      ears.push(...(await Promise.all(some.map((user) => listen(user.id % 2 === 0 ? left : right, user)))));
    }
    const clients = await Promise.all(
      [left, right].map((one) => one.metric('events_clients{transport="socketio"}')),
    );
    expect(clients).toEqual([500, 500]);

    for (const round of [1, 2, 3]) {
      await deployment.backends.sql.query(
        `UPDATE platform_connections SET name = $1 || user_id WHERE id = ANY($2::integer[])`,
        [`round ${round} of `, users.map(({ platformId }) => platformId)],
      );
    }
    await waitUntil(() => ears.every(({ events }) => events.length >= 3), {
      timeoutMs: 30_000,
      what: 'all to be told',
    });
    const wrong = ears.filter(
      ({ events, ids }, index) =>
        events.length !== 3 ||
        events.some(({ platform }) => platform?.userId !== users[index]?.id) ||
        ids.join() !== [...new Set(ids)].sort((a, b) => a - b).join(),
    );
    expect(wrong).toHaveLength(0);
    await Promise.all([left, right].map((one) => one.whenReady()));
  }, 120_000);
});

it('1,000 clients of two processes come back at once, by themselves, when theirs is killed, and miss nothing', async () => {
  const doomed = await deployment.startProcess();
  const balancer = await Nginx.start([doomed.api.port, left.api.port]);
  open.push(balancer);
  const users = await deployment.insertUsers(1000);
  await deployment.backends.published();
  const ears: SocketListener[] = [];
  for (let start = 0; start < users.length; start += 100) {
    const some = users.slice(start, start + 100);
    ears.push(
      ...(await Promise.all(some.map(({ token }) => SocketListener.returning(balancer.baseUrl, { token })))),
    );
  }
  open.push(...ears);
  expect(await doomed.metric('events_clients{transport="socketio"}')).toBe(500);
  const rename = (name: string) =>
    deployment.backends.sql.query(`UPDATE platform_connections SET name = $1 WHERE id = ANY($2::integer[])`, [
      name,
      users.map(({ platformId }) => platformId),
    ]);
  await rename('before');
  await waitUntil(() => ears.every(({ events }) => events.length === 1), {
    timeoutMs: 30_000,
    what: 'all to be told',
  });
  await doomed.api.kill();
  for (const round of [1, 2]) await rename(`away ${round}`);
  await waitUntil(() => ears.every(({ events }) => events.length >= 3), {
    timeoutMs: 60_000,
    what: 'all to have come back',
  });
  const cut = ears.filter(({ signs }) => signs.some(({ name }) => name === 'disconnect'));
  expect(cut).toHaveLength(500);
  expect(await left.metric('events_clients{transport="socketio"}')).toBe(1000);
  const all = await deployment.backends.rows<{ userId: number; ids: number[] }>(
    `SELECT user_id AS "userId", array_agg(event_id::integer ORDER BY event_id) AS ids FROM platform_changes
     WHERE user_id = ANY($1::integer[]) AND type <> 'platform.created' GROUP BY user_id`,
    [users.map(({ id }) => id)],
  );
  const told = new Map(all.map(({ userId, ids }) => [userId, ids.join()]));
  const wrong = ears.filter(({ ids }, index) => ids.join() !== told.get(users[index]?.id ?? 0));
  expect(wrong).toHaveLength(0);
}, 180_000);

it('a client of a killed process resumes on the other one, with nothing missing and in order', async () => {
  const doomed = await deployment.startProcess();
  const user = await newUser();
  const ear = await listen(doomed, user);
  const strm = await StreamListener.connect(doomed.api.baseUrl, { token: user.token });
  open.push(strm);
  let writing = true;
  const writer = (async () => {
    for (let n = 0; writing; n++) {
      await deployment.backends.sql.query('UPDATE platform_connections SET name = $1 WHERE id = $2', [
        `name ${n}`,
        user.platformId,
      ]);
    }
  })();
  await ear.until(() => ear.events.length > 50 && strm.events.length > 50, 'some events');
  await doomed.api.kill();
  await Promise.all([ear.sign('disconnect'), strm.sign('disconnect')]);

  const resumed = await listen(left, user, ear.events.at(-1)?.eventId);
  const other = await StreamListener.connect(right.api.baseUrl, {
    token: user.token,
    lastEventId: strm.events.at(-1)?.eventId,
  });
  open.push(other);
  await resumed.until(() => resumed.events.length > 50, 'more events');
  writing = false;
  await writer;
  const [, ...all] = await deployment.eventIds(user);
  await resumed.until(() => ear.ids.length + resumed.ids.length >= all.length, 'the rest');
  await other.until(() => strm.ids.length + other.ids.length >= all.length, 'the rest');
  expect([...ear.ids, ...resumed.ids]).toEqual(all);
  expect([...strm.ids, ...other.ids]).toEqual(all);
}, 120_000);

it('an outage of Redis neither silences anybody for long nor loses an event', async () => {
  const user = await newUser();
  const ears = [await listen(left, user), await listen(right, user)];
  await deployment.redis.kill();
  await deployment.backends.sql.query(`UPDATE platform_connections SET name = 'during' WHERE id = $1`, [
    user.platformId,
  ]);
  for (const ear of ears)
    await ear.event(({ platform }) => platform?.name === 'during', 'an event without Redis');
  const late = await listen(right, user, ears[0]?.lastEventId);
  await deployment.redis.start();
  await Promise.all([left.whenReady(), right.whenReady()]);
  await deployment.backends.sql.query(`UPDATE platform_connections SET name = 'after' WHERE id = $1`, [
    user.platformId,
  ]);
  for (const ear of [...ears, late]) await ear.event(({ platform }) => platform?.name === 'after');
  for (const ear of ears) expect(names(ear)).toEqual(['during', 'after']);
  expect(names(late)).toEqual(['after']);
}, 120_000);

it('an outage of PostgreSQL loses no event, and no client', async () => {
  const user = await newUser();
  const ears = [await listen(left, user), await listen(right, user)];
  await deployment.postgres.kill();
  await deployment.postgres.start();
  await Promise.all([left.whenReady(), right.whenReady()]);
  expect((await left.rename(user, 'back again')).status).toBe(200);
  for (const ear of ears) await ear.event(({ platform }) => platform?.name === 'back again');
  expect(ears.map((ear) => ear.signs.map(({ name }) => name))).toEqual([['ready'], ['ready']]);
}, 120_000);

it('a process that is frozen in the middle of its work holds up nobody for long', async () => {
  const user = await newUser();
  const frozen = await deployment.startProcess();
  const ear = await listen(left, user);
  for (let n = 0; n < 30; n++) {
    if (n === 10) await frozen.api.freeze();
    expect((await left.rename(user, `name ${n}`)).status).toBe(200);
  }
  const [, ...all] = await deployment.eventIds(user);
  await ear.until(() => ear.ids.length === all.length, 'the last event');
  frozen.api.thaw();
  expect(ear.ids).toEqual(all);
}, 120_000);

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { CredentialCipher } from '../../../src/credentials/credential-cipher.js';
import { FernetKey, fernetDecrypt } from '../../../src/crypto/fernet.js';
import { KeyRing } from '../../../src/crypto/key-ring.js';
import { BootCanary } from '../../../src/keys/boot-canary.js';
import { KeyRotation, type RotationOutcome } from '../../../src/keys/key-rotation.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { runCli, startCli } from '../../support/cli.js';
import { type Person, createPlatform, platformInput, register } from '../../support/factories.js';
import { insertUsers } from '../../support/insert-users.js';
import { reveal } from '../../support/reveal.js';

// Each run of a command starts a process that loads the whole application.
jest.setTimeout(180_000);

const SILENT = { started: () => undefined, advanced: () => undefined, finished: () => undefined };

interface Row {
  readonly id: number;
  readonly userId: number;
  readonly instanceUrl: string;
  readonly username: string | null;
  readonly accessToken: string;
  readonly clientKey: string | null;
  readonly clientSecret: string | null;
  readonly keyId: string;
  readonly seal: string | null;
  readonly version: number;
  readonly updatedAt: Date;
}

interface Progress {
  readonly done: number;
  readonly total: number;
  readonly underNewKey: number;
}

describe('keys:rotate', () => {
  let backends: Backends;
  let newKey: string;
  let ring: string;
  let primary: string;

  beforeAll(async () => {
    backends = await Backends.create();
    await (await startTestApp({ backends })).app.close();
  });
  beforeEach(async () => {
    newKey = FernetKey.generate();
    ring = `${newKey},${backends.encryptionKey}`;
    primary = FernetKey.parse(newKey).id;
    backends.secrets.add(newKey);
    // Each test begins under the old key, with whatever its predecessors left gone; also the outbox, which a process
    // that starts replays before it uses the cache.
    await backends.sql.query(
      'TRUNCATE users CASCADE; TRUNCATE key_canary, key_rotations, audit_chain, platform_changes',
    );
    await backends.redis.flushDb();
    await leaveCanary(backends);
  });

  const cliEnv = () => ({ ...backends.env(), PLATFORM_ENCRYPTION_KEY: ring });
  const started: TestApp[] = [];
  const start = async (keys: string): Promise<TestApp> => {
    const app = await startTestApp({ backends, env: { PLATFORM_ENCRYPTION_KEY: keys } });
    started.push(app);
    return app;
  };
  const startNew = () => start(ring);
  afterEach(async () => {
    for (const { app } of started.splice(0)) await app.close();
  });
  // Under both keys, for the last test may have left rows under either.
  afterAll(async () => {
    const last = await startNew();
    await last.expectCleanRecord();
    await last.app.close();
    await backends.remove();
  });

  const rotateByCli = () => {
    const cli = startCli(['keys:rotate'], cliEnv());
    backends.logs.push(() => cli.output());
    return cli;
  };
  const allRows = () =>
    backends.rows<Row>(
      `SELECT id, user_id AS "userId", instance_url AS "instanceUrl", username, access_token AS "accessToken",
         client_key AS "clientKey", client_secret AS "clientSecret", key_id AS "keyId", seal, version, updated_at AS "updatedAt"
       FROM platform_connections ORDER BY id`,
    );
  const underNewKey = async () => {
    const sql = 'SELECT count(*)::integer FROM platform_connections WHERE key_id = $1';
    const [row] = await backends.rows<{ count: number }>(sql, [primary]);
    return row?.count ?? 0;
  };

  /** Opens every row with the new key alone: seal and all three ciphertexts. */
  async function expectNewKeySuffices(): Promise<void> {
    const cipher = new CredentialCipher(KeyRing.parse(newKey));
    const rows = await allRows();
    expect(rows.filter((row) => cipher.decrypt(row, row) === null).map(({ id }) => id)).toEqual([]);
    expect(rows.length).toBeGreaterThan(0);
    for (const { accessToken } of rows) fernetDecrypt(FernetKey.parse(newKey), accessToken);
  }

  it('brings every row under the new key, says so, and changes nothing that the API shows', async () => {
    await insertUsers(backends, 250);
    const before = await allRows();
    const { code, stdout, stderr } = await rotateByCli().done;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toContain('platform connections: 250 of 250');
    expect(stdout).toContain('250 re-encrypted');
    expect(stdout).toContain(`No row needs a key other than ${primary}`);
    await expectNewKeySuffices();
    const shown = (rows: Row[]) => rows.map(({ id, version, updatedAt }) => ({ id, version, updatedAt }));
    expect(shown(await allRows())).toEqual(shown(before));

    expect(await rotateConnections((await startNew()).app)).toMatchObject([{ rewritten: 0, complete: true }]);
  });

  it('lets a process with the new key alone start only afterwards', async () => {
    await insertUsers(backends, 3);
    await expect(start(newKey)).rejects.toThrow(/old key back behind the new one/);
    await rotateConnections((await startNew()).app);
    await start(newKey);
    await expect(start(backends.encryptionKey)).rejects.toThrow(/It needs the key with the id/);
  });

  it('loses nothing when it is killed at any point, and goes on when it is run again', async () => {
    await insertUsers(backends, 1500);
    let kills = 0;
    // One statement: what a killed run had sent may still be committed.
    const progress = () =>
      backends.rows<Progress>(
        `SELECT done, total, (SELECT count(*)::integer FROM platform_connections WHERE key_id = $1) AS "underNewKey"
         FROM key_rotations WHERE what = 'platform connections'`,
        [primary],
      );
    for (const at of [1, 400]) {
      const run = rotateByCli();
      await waitUntil(async () => (await underNewKey()) >= at, {
        timeoutMs: 90_000,
        what: 'progress',
        intervalMs: 1,
      });
      run.kill();
      if ((await run.done).code === null) kills++;
      const cipher = new CredentialCipher(KeyRing.parse(ring));
      expect((await allRows()).filter((row) => cipher.decrypt(row, row) === null)).toEqual([]);
      const [recorded] = await progress();
      expect(recorded).toMatchObject({ done: recorded?.underNewKey, total: 1500 });
    }
    expect(kills).toBeGreaterThan(0);
    const { code, stderr } = await rotateByCli().done;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    await expectNewKeySuffices();
    expect(await progress()).toEqual([{ done: 1500, total: 1500, underNewKey: 1500 }]);
    const { app } = await startNew();
    expect(await app.get(KeyRotation).remaining()).toContainEqual({
      what: 'platform connections',
      left: 0,
      done: 1500,
      total: 1500,
    });
  });

  it('shares the work of two runs', async () => {
    await insertUsers(backends, 600);
    const apps = await Promise.all([startNew(), startNew()]);
    const outcomes = await Promise.all(apps.map(({ app }) => rotateConnections(app)));
    expect(outcomes.flat().map(({ complete }) => complete)).toEqual([true, true]);
    expect(outcomes.flat().reduce((sum, { rewritten }) => sum + rewritten, 0)).toBe(600);
    await expectNewKeySuffices();
  });

  describe('while the API serves', () => {
    let app: TestApp;
    let owner: Person;

    beforeEach(async () => {
      app = await startNew();
      owner = await register(app.client, backends.secrets);
    });

    const underOldKey = async (): Promise<void> => {
      const cipher = new CredentialCipher(KeyRing.parse(`${backends.encryptionKey},${newKey}`));
      for (const row of await allRows()) {
        const { accessToken, clientKey, clientSecret, keyId, seal } = cipher.rewrap(row, row) ?? row;
        await backends.sql.query(
          `UPDATE platform_connections SET access_token = $2, client_key = $3, client_secret = $4, key_id = $5, seal = $6
           WHERE id = $1`,
          [row.id, accessToken, clientKey, clientSecret, keyId, seal],
        );
      }
      // Else a relay could drop what the test reads into the cache.
      await backends.settled();
    };

    it('drops cached ciphertexts of the old key', async () => {
      const input = platformInput(backends.secrets);
      const { id } = await createPlatform(owner, backends.secrets, input);
      await underOldKey();
      const oldId = FernetKey.parse(backends.encryptionKey).id;
      const cachedKeyId = async () => {
        const raw = await backends.cached(`platform:${id}`);
        return raw === null
          ? null
          : (JSON.parse(raw) as { credentials: { keyId: string } }).credentials.keyId;
      };
      await waitUntil(
        async () => (await reveal(owner, id)).status === 200 && (await cachedKeyId()) === oldId,
        {
          timeoutMs: 60_000,
          what: 'the old ciphertexts to be cached',
        },
      );
      const outcomes = await rotateConnections(app.app);
      expect(outcomes).toEqual([
        { what: 'platform connections', rewritten: 1, unreadable: [], left: [], complete: true },
      ]);
      expect(await cachedKeyId()).toBeNull();
      await backends.settled();
      expect((await reveal(owner, id)).json()).toMatchObject({ accessToken: input.accessToken });
      expect(await cachedKeyId()).toBe(primary);
    });

    it('a cached ciphertext whose key has left the ring is a miss that heals', async () => {
      const input = platformInput(backends.secrets);
      const { id } = await createPlatform(owner, backends.secrets, input);
      await underOldKey();
      await reveal(owner, id);
      await waitUntil(async () => (await reveal(owner, id)).cacheStatus === 'platform-manager; hit', {
        timeoutMs: 60_000,
        what: 'the entry to settle',
      });
      const stale = (await backends.redis.get(`platform:${id}`)) ?? '';
      expect(stale).toContain(FernetKey.parse(backends.encryptionKey).id);
      await rotateConnections(app.app);
      const after = await start(newKey);
      const there = { ...owner, client: after.client.as(owner) };
      const answer = await waitUntil(
        async () => {
          // As if the process that rotated had been killed between the COMMIT of its batch and the drop.
          await backends.redis.set(`platform:${id}`, stale);
          const each = await reveal(there, id);
          expect(each.json()).toMatchObject({ accessToken: input.accessToken });
          // A process that has just stalled goes by the database for a moment.
          return each.cacheStatus?.includes('recovering') ? null : each;
        },
        { timeoutMs: 15_000, what: 'an answer that looked into the cache' },
      );
      expect(answer.cacheStatus).toContain('detail=corrupt');
      expect((await reveal(there, id)).cacheStatus).toBe('platform-manager; hit');
    });

    it('never fails a read or a write, and keeps what was written meanwhile', async () => {
      const saved = new Map<number, string>();
      for (let n = 0; n < 8; n++) {
        const input = platformInput(backends.secrets);
        saved.set((await createPlatform(owner, backends.secrets, input)).id, input.accessToken);
      }
      await insertUsers(backends, 300);
      await underOldKey();
      const cli = rotateByCli();
      let running = true;
      const finished = cli.done.finally(() => (running = false));
      let writes = 0;
      for (let n = 0; running || n < 20; n++) {
        const id = [...saved.keys()][n % saved.size] ?? 0;
        if (n % 2 === 0) {
          const accessToken = backends.secrets.make('rewritten');
          const answer = await owner.client.patch(`/v1/platforms/${id}`, { accessToken });
          expect({ status: answer.status, text: answer.text }).toMatchObject({ status: 200 });
          saved.set(id, accessToken);
          writes++;
        }
        const answer = await reveal(owner, id);
        expect(answer.status).toBe(200);
        expect(answer.json()).toMatchObject({ accessToken: saved.get(id) });
      }
      expect(writes).toBeGreaterThan(5);
      expect((await finished).code).toBe(0);
      for (const [id, accessToken] of saved) {
        expect((await reveal(owner, id)).json()).toMatchObject({ accessToken });
      }
      await expectNewKeySuffices();
    });

    it('does not wait for a row that is being written, and comes back for it', async () => {
      await createPlatform(owner, backends.secrets);
      const { id } = await createPlatform(owner, backends.secrets);
      await underOldKey();
      const writer = await backends.sql.connect();
      await writer.query('BEGIN');
      await writer.query(`UPDATE platform_connections SET name = 'being written' WHERE id = $1`, [id]);
      const rotation = rotateConnections(app.app);
      await waitUntil(async () => (await underNewKey()) === 1, { timeoutMs: 60_000, what: 'the other row' });
      await writer.query('COMMIT');
      writer.release();
      expect(await rotation).toMatchObject([{ rewritten: 2, complete: true }]);
      expect(await backends.rows('SELECT name FROM platform_connections WHERE id = $1', [id])).toEqual([
        { name: 'being written' },
      ]);
    });

    it('gives up on a row that stays locked, and says that it is not done', async () => {
      const { id } = await createPlatform(owner, backends.secrets);
      await underOldKey();
      const writer = await backends.sql.connect();
      await writer.query('BEGIN');
      await writer.query('SELECT 1 FROM platform_connections WHERE id = $1 FOR UPDATE', [id]);
      const [outcome] = await rotateConnections(app.app);
      await writer.query('ROLLBACK');
      writer.release();
      expect(outcome).toMatchObject({ rewritten: 0, unreadable: [], complete: false });
      expect(outcome?.left).toEqual([{ keyId: FernetKey.parse(backends.encryptionKey).id, rows: 1 }]);
      // The canary stays, so that nobody takes the old key for dispensable.
      const [canary] = await backends.rows<{ key_id: string }>('SELECT key_id FROM key_canary');
      expect(canary?.key_id).toBe(FernetKey.parse(backends.encryptionKey).id);
    });
  });

  it('reports rows that no key opens or whose seal is broken, leaves them, and is done without them', async () => {
    const users = await insertUsers(backends, 5);
    const [broken, foreign] = users;
    await backends.sql.query(`UPDATE platform_connections SET seal = 'broken' WHERE id = $1`, [
      broken?.platformId,
    ]);
    await backends.sql.query(`UPDATE platform_connections SET key_id = '0123456789abcdef' WHERE id = $1`, [
      foreign?.platformId,
    ]);
    const before = (await allRows()).slice(0, 2);
    const { code, stdout } = await rotateByCli().done;
    expect(code).toBe(0);
    expect(stdout).toContain(
      `2 cannot be decrypted or have a broken seal, and were left unchanged (needs_reconnect): ` +
        `${broken?.platformId}, ${foreign?.platformId}.`,
    );
    expect(stdout).toContain('1 still under the key 0123456789abcdef');
    expect(stdout).toContain('No row needs a key other than');
    expect((await allRows()).slice(0, 2)).toEqual(before);
  });

  it('is not done while a row without a seal may need the old key, until credentials:seal has sealed it', async () => {
    const [first] = await insertUsers(backends, 2);
    await backends.sql.query('UPDATE platform_connections SET seal = NULL WHERE id = $1', [
      first?.platformId,
    ]);
    const { code, stderr } = await rotateByCli().done;
    expect(code).toBe(1);
    expect(stderr).toContain('run credentials:seal');
    const seal = await runCli(['credentials:seal'], cliEnv());
    expect(seal).toMatchObject({ code: 0, stdout: 'Sealed 1 platform connections.\n' });
    expect(await rotateConnections((await startNew()).app)).toMatchObject([{ complete: true }]);
    await expectNewKeySuffices();
  });
});

/** As the first start under the old key does it, without the start. */
async function leaveCanary(backends: Backends): Promise<void> {
  const database = {
    statement: (sql: string, parameters: unknown[]) => backends.rows(sql, parameters),
  };
  await new BootCanary(database as never, KeyRing.parse(backends.encryptionKey)).check();
}

/** A rotation of everything; what it says of the connections. There is nothing else that is encrypted here. */
async function rotateConnections(app: TestApp['app']): Promise<RotationOutcome[]> {
  const outcomes = await app.get(KeyRotation).rotate(SILENT);
  return outcomes.filter(({ what }) => what === 'platform connections');
}

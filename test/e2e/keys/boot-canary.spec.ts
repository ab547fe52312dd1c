import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { FernetKey, fernetDecrypt } from '../../../src/crypto/fernet.js';
import { KeyRing } from '../../../src/crypto/key-ring.js';
import { BootCanary, KeyRingMismatch } from '../../../src/keys/boot-canary.js';
import { startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';

jest.setTimeout(120_000);

/** What BootCanary needs of the database, on the test's own connection. */
function canaryOf(backends: Backends, ring: KeyRing): BootCanary {
  return new BootCanary(
    { statement: (sql: string, parameters: unknown[]) => backends.rows(sql, parameters) } as never,
    ring,
  );
}

async function startOnce(backends: Backends): Promise<void> {
  const test = await startTestApp({ backends });
  await test.expectCleanRecord();
  await test.app.close();
}

const newRing = (): KeyRing => KeyRing.parse(FernetKey.generate());

describe('the boot canary', () => {
  let backends: Backends;

  beforeAll(async () => {
    backends = await Backends.create();
    await startOnce(backends);
  });
  afterAll(() => backends.remove());

  it('is left by the first start, readable with its key alone', async () => {
    const [canary] = await backends.rows<{ token: string; key_id: string }>(
      'SELECT token, key_id FROM key_canary',
    );
    const key = FernetKey.parse(backends.encryptionKey);
    expect(canary?.key_id).toBe(key.id);
    expect(fernetDecrypt(key, canary?.token ?? '')).toBe('platform-manager/key-canary/v1');
  });

  it('lets a ring with the key anywhere in it start, and leaves the canary as it is', async () => {
    const before = await backends.rows('SELECT * FROM key_canary');
    await canaryOf(backends, KeyRing.parse(`${FernetKey.generate()},${backends.encryptionKey}`)).check();
    expect(await backends.rows('SELECT * FROM key_canary')).toEqual(before);
  });

  it('refuses a ring without the key, and a token that is none', async () => {
    await expect(canaryOf(backends, newRing()).check()).rejects.toThrow(KeyRingMismatch);
    const [{ token } = { token: '' }] = await backends.rows<{ token: string }>(
      'SELECT token FROM key_canary',
    );
    await backends.sql.query(`UPDATE key_canary SET token = 'damaged'`);
    await expect(canaryOf(backends, KeyRing.parse(backends.encryptionKey)).check()).rejects.toThrow(
      KeyRingMismatch,
    );
    await backends.sql.query('UPDATE key_canary SET token = $1', [token]);
  });

  it('of two first starts with different keys lets exactly one through, and with the same key both', async () => {
    for (let round = 0; round < 20; round++) {
      await backends.sql.query('DELETE FROM key_canary');
      const rings = [newRing(), newRing()];
      const race = await Promise.allSettled(rings.map((ring) => canaryOf(backends, ring).check()));
      expect(race.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      const winner = rings[race.findIndex(({ status }) => status === 'fulfilled')];
      await Promise.all([1, 2, 3].map(() => canaryOf(backends, winner ?? newRing()).check()));
    }
  });

  describe('in a process of its own', () => {
    let api: ApiProcess | undefined;
    afterEach(() => api?.kill());

    it('ends a start with another key with exit code 1 and the remedy, without a stack or a key', async () => {
      const shared = await Backends.create();
      await startOnce(shared);
      const other = FernetKey.generate();
      const refused = await startApi({ env: { ...shared.env(), PLATFORM_ENCRYPTION_KEY: other } }).catch(
        String,
      );
      await shared.remove();
      expect(refused).toContain('code 1');
      expect(refused).toContain('PLATFORM_ENCRYPTION_KEY=<new key>,<old key>');
      expect(refused).toContain(FernetKey.parse(shared.encryptionKey).id);
      for (const secret of [other, shared.encryptionKey]) expect(refused).not.toContain(secret);
      expect(refused).not.toMatch(/\n\s+at /);
    });

    it('guards the embedded database too', async () => {
      const dataDir = await mkdtemp(join(tmpdir(), 'test-canary-'));
      try {
        api = await startApi({ env: { DATA_DIR: dataDir } });
        await api.stop();
        const refused = await startApi({
          env: { DATA_DIR: dataDir, PLATFORM_ENCRYPTION_KEY: FernetKey.generate() },
        }).catch(String);
        expect(refused).toContain('code 1');
        expect(refused).toContain('<new key>,<old key>');
        api = await startApi({ env: { DATA_DIR: dataDir } });
        await api.stop();
      } finally {
        await rm(dataDir, { recursive: true, force: true });
      }
    });
  });
});

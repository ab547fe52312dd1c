import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FernetKey, fernetDecrypt } from '../../../src/crypto/fernet.js';
import { KeyRing } from '../../../src/crypto/key-ring.js';
import { BootCanary, KeyRingMismatch } from '../../../src/keys/boot-canary.js';
import { startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { startInVain } from '../../support/start-in-vain.js';

/** What BootCanary needs of the database, on the test's own connection. */
function canaryOf(backends: Backends, ring: KeyRing): BootCanary {
  return new BootCanary(
    { statement: (sql: string, parameters: unknown[]) => backends.rows(sql, parameters) } as never,
    ring,
  );
}

const newRing = (): KeyRing => KeyRing.parse(FernetKey.generate());

describe('the boot canary', () => {
  let backends: Backends;

  beforeAll(async () => {
    backends = await Backends.create();
    const test = await startTestApp({ backends });
    await test.expectCleanRecord();
    await test.app.close();
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

  // embedded.spec.ts has the same of the embedded database.
  it('ends a start of a process with another key with exit code 1 and the remedy, without a stack or a key', async () => {
    const other = FernetKey.generate();
    const { code, output } = await startInVain({
      ...backends.env(),
      PLATFORM_ENCRYPTION_KEY: other,
      PORT: '0',
    });
    expect(code).toBe(1);
    expect(output).toContain('PLATFORM_ENCRYPTION_KEY=<new key>,<old key>');
    expect(output).toContain(FernetKey.parse(backends.encryptionKey).id);
    for (const secret of [other, backends.encryptionKey]) expect(output).not.toContain(secret);
    expect(output).not.toMatch(/\n\s+at /);
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
});

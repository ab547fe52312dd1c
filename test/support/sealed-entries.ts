import { randomUUID } from 'node:crypto';
import type { NewEntry } from '../../src/cache/lease-store.js';
import { SealedEntries } from '../../src/cache/sealed-entries.js';
import { Installation } from '../../src/common/installation.js';
import { FernetKey } from '../../src/crypto/fernet.js';
import { KeyRing } from '../../src/crypto/key-ring.js';

const ring = new KeyRing([FernetKey.parse(FernetKey.generate())]);

/** Of this test file, as if its database had just told the time. */
export const testInstallation = installation();

export function installation(id: string = randomUUID(), epoch = 1): Installation {
  const made = new Installation();
  made.observe({ id, epoch, primaryName: 'first', nowMs: Date.now() }, performance.now());
  return made;
}

/** What one process of the installation knows of the entries. */
export function sealedEntries(of = testInstallation): SealedEntries {
  return new SealedEntries(ring, of);
}

/** A value that has just been read. */
export function newEntry(raw: string, ttlMs: number): NewEntry {
  return { raw, ttlMs, readAtMs: performance.now() };
}

/** The text that a process of the installation stores under a key. */
export function sealedText(key: string, raw: string, ttlMs = 3_600_000): string {
  return sealedEntries().seal(key, newEntry(raw, ttlMs));
}

/** The value in a stored text, as redis-cli shows it in the first line. */
export function valueIn(sealed: string | null): string | null {
  return sealed?.split('\n', 1)[0] ?? null;
}

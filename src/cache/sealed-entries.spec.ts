import { describe, expect, it } from '@jest/globals';
import { installation, newEntry, sealedEntries } from '../../test/support/sealed-entries.js';
import { Installation } from '../common/installation.js';
import { CorruptEntry } from './cache-errors.js';

const KEY = 'platform:7';
const RAW = '{"id":7,"name":"Ünïcödé 🐘"}';
const LIFE_MS = 3_600_000;

const seal = (raw = RAW, ttlMs = LIFE_MS): string => sealedEntries().seal(KEY, newEntry(raw, ttlMs));

/** As an installation whose database's clock has gone on. */
function later(id: string, ms: number): Installation {
  const moved = new Installation();
  moved.observe({ id, epoch: 1, primaryName: 'first', nowMs: Date.now() + ms }, performance.now());
  return moved;
}

describe('a sealed entry', () => {
  it('shows the plain JSON in its first line, and opens to it', () => {
    const sealed = seal();
    expect(sealed.split('\n')[0]).toBe(RAW);
    expect(sealed.split('\n')).toHaveLength(2);
    expect(sealedEntries().open(KEY, sealed)).toBe(RAW);
  });

  it('is no entry with any one byte changed, lost or added', () => {
    const sealed = Buffer.from(seal());
    for (let at = 0; at < sealed.length; at++) {
      const [before, after] = [sealed.subarray(0, at), sealed.subarray(at + 1)];
      const flipped = Buffer.from([sealed.readUInt8(at) ^ 1]);
      const damaged = [
        Buffer.concat([before, flipped, after]),
        Buffer.concat([before, after]),
        Buffer.concat([before, flipped, sealed.subarray(at)]),
        before,
      ];
      for (const text of damaged)
        expect(() => sealedEntries().open(KEY, text.toString())).toThrow(CorruptEntry);
    }
  });

  it('is no entry in another form of the same JSON', () => {
    const [raw = '', line = ''] = seal().split('\n');
    const { m, ...fields } = JSON.parse(line) as Record<string, unknown>;
    for (const other of [JSON.stringify({ m, ...fields }), ` ${line}`, line.replace('{', '{"x":1,')]) {
      expect(() => sealedEntries().open(KEY, `${raw}\n${other}`)).toThrow(CorruptEntry);
    }
  });

  it('is no entry under another key, in another installation, or after a restore', () => {
    const sealed = seal();
    expect(() => sealedEntries().open('platform:8', sealed)).toThrow(CorruptEntry);
    expect(() => sealedEntries(installation()).open(KEY, sealed)).toThrow('of another installation');

    const own = installation('one');
    const entries = sealedEntries(own);
    const before = entries.seal(KEY, newEntry(RAW, LIFE_MS));
    expect(entries.open(KEY, before)).toBe(RAW);
    own.observe({ id: 'one', epoch: 2, primaryName: 'first', nowMs: Date.now() }, performance.now());
    expect(() => entries.open(KEY, before)).toThrow('of another installation');
  });

  it('is no entry after a failover if it was read before, though it is stored later', () => {
    const own = installation('one');
    const entries = sealedEntries(own);
    const before = entries.seal(KEY, newEntry(RAW, LIFE_MS));
    const slow = newEntry(RAW, LIFE_MS);
    own.observe({ id: 'one', epoch: 1, primaryName: 'second', nowMs: Date.now() }, performance.now());
    const after = entries.seal(KEY, newEntry(RAW, LIFE_MS));
    for (const sealed of [before, entries.seal(KEY, slow)])
      expect(() => entries.open(KEY, sealed)).toThrow('of another installation');
    expect(entries.open(KEY, after)).toBe(RAW);
  });

  it('is believed within its life by the clock of the database, whatever the clock of this process says', () => {
    const sealed = sealedEntries(installation('one')).seal(KEY, newEntry(RAW, LIFE_MS));
    expect(sealedEntries(later('one', LIFE_MS - 1000)).open(KEY, sealed)).toBe(RAW);
    expect(() => sealedEntries(later('one', LIFE_MS + 10_000)).open(KEY, sealed)).toThrow('expired');
    expect(sealedEntries(later('one', -LIFE_MS)).open(KEY, sealed)).toBe(RAW);
  });

  it('is not believed after a change of which the process has heard, be it verified before or not', () => {
    const own = installation('one');
    const [fresh, known] = [sealedEntries(own), sealedEntries(own)];
    const sealed = known.seal(KEY, newEntry(RAW, LIFE_MS));
    expect(known.open(KEY, sealed)).toBe(RAW);
    const changedAt = own.latestMs() + 1;
    for (const entries of [fresh, known]) {
      entries.outdate([KEY], changedAt);
      entries.outdate([KEY], changedAt - 60_000);
      expect(() => entries.open(KEY, sealed)).toThrow('replaced since');
    }
  });

  it('is not believed if it was read before all others too, or within a second of it', () => {
    const own = installation('one');
    const entries = sealedEntries(own);
    const before = entries.seal(KEY, newEntry(RAW, LIFE_MS));
    expect(entries.open(KEY, before)).toBe(RAW);
    // A process whose clock is known to a minute only.
    const vague = new Installation();
    vague.observe(
      { id: 'one', epoch: 1, primaryName: 'first', nowMs: Date.now() - 30_000 },
      performance.now() - 60_000,
    );
    const vaguely = sealedEntries(vague).seal(KEY, newEntry(RAW, LIFE_MS));
    entries.outdateAll();
    for (const sealed of [before, vaguely])
      expect(() => entries.open(KEY, sealed)).toThrow('older than what this process knows');
    const later = entries.seal(KEY, { ...newEntry(RAW, LIFE_MS), readAtMs: performance.now() + 1100 });
    expect(entries.open(KEY, later)).toBe(RAW);
  });

  it('is believed when it was read after the change, though it was dropped an instant before', () => {
    const entries = sealedEntries();
    for (let round = 0; round < 1000; round++) {
      entries.outdate([KEY]);
      expect(entries.open(KEY, entries.seal(KEY, newEntry(RAW, LIFE_MS)))).toBe(RAW);
    }
  });
});

describe('the clock of the installation', () => {
  it('lies between its bounds, and a slow reply does not widen them', () => {
    const own = new Installation();
    const now = performance.now();
    own.observe({ id: 'one', epoch: 1, primaryName: 'first', nowMs: 1_000_000 }, now);
    expect(own.earliestMs(now)).toBeLessThanOrEqual(1_000_000);
    expect(own.latestMs(now)).toBeGreaterThanOrEqual(1_000_000);
    const width = own.latestMs(now) - own.earliestMs(now);
    own.observe({ id: 'one', epoch: 1, primaryName: 'first', nowMs: 1_000_000 }, now - 60_000);
    expect(own.latestMs(now) - own.earliestMs(now)).toBe(width);
  });

  it('is that of the primary: another one has another', () => {
    const own = new Installation();
    own.observe({ id: 'one', epoch: 1, primaryName: 'first', nowMs: 1_000_000 }, performance.now());
    const now = performance.now();
    own.observe({ id: 'one', epoch: 1, primaryName: 'second', nowMs: 5_000_000 }, now - 60_000);
    expect(own.latestMs(now)).toBeGreaterThanOrEqual(5_000_000);
  });
});

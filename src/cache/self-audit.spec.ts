import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { waitUntil } from '../../test/support/barrier.js';
import { MemoryStore } from './memory-store.js';
import { SelfAudit } from './self-audit.js';

const KEY = 'platform:1';
/** The audit's grace period, and a margin for a slow machine. */
const PATIENCE_MS = 30_000;

describe('SelfAudit', () => {
  let store: MemoryStore;
  let audit: SelfAudit;
  let lookups: number;

  const truth = (fingerprint: string) => async () => {
    lookups++;
    return fingerprint;
  };

  beforeEach(async () => {
    store = new MemoryStore();
    audit = new SelfAudit(store);
    lookups = 0;
    await store.set(KEY, '"v1"', 60_000);
    // The inconsistency is logged as an error; the count asserts it.
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    jest.spyOn(process.stdout, 'write').mockReturnValue(true);
  });

  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('counts and removes an entry that stays different from the database', async () => {
    audit.compare(KEY, '"v1"', 'v1', truth('v2'));
    await waitUntil(() => audit.inconsistencies === 1, { timeoutMs: PATIENCE_MS, what: 'the finding' });
    await waitUntil(async () => (await store.get(KEY)) === null, {
      timeoutMs: PATIENCE_MS,
      what: 'the removal',
    });
    expect(audit.compared).toBe(1);
  });

  it('says nothing of an entry that an invalidation under way removes', async () => {
    audit.compare(KEY, '"v1"', 'v1', truth('v2'));
    await waitUntil(() => lookups === 1, { timeoutMs: PATIENCE_MS, what: 'the first look' });
    const looked = jest.spyOn(store, 'get');
    await store.drop([KEY]);
    await waitUntil(() => looked.mock.calls.length > 0, { timeoutMs: PATIENCE_MS, what: 'the second look' });
    await looked.mock.results[0]?.value;
    expect(audit.inconsistencies).toBe(0);
  });

  it('is content with one look at an entry that is right', async () => {
    audit.compare(KEY, '"v1"', 'v1', truth('v1'));
    await waitUntil(() => lookups === 1, { timeoutMs: PATIENCE_MS, what: 'the look' });
    expect(audit.inconsistencies).toBe(0);
    expect(await store.get(KEY)).toBe('"v1"');
  });

  it('takes one hit in a thousand', () => {
    const taken = Array.from({ length: 5000 }, () => audit.samples()).filter(Boolean);
    expect(taken).toHaveLength(5);
  });
});

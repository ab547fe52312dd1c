import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type BypassReason, CacheUnavailable, CorruptEntry, reasonOf } from './cache-errors.js';
import { CacheHealth } from './cache-health.js';
import type { CacheOutcome, CacheRead } from './cache-read.js';
import type { CacheSpec, WarmEntry } from './cache-spec.js';
import { DecodedEntries, type DecodedEntry } from './decoded-entries.js';
import { Flights } from './flights.js';
import { LeaseStore, MAX_ENTRY_BYTES, type NewEntry } from './lease-store.js';
import { LEASE_MS, leaseToken } from './lease.js';
import { RefreshAhead } from './refresh-ahead.js';
import { SelfAudit } from './self-audit.js';

/** How long, and how often, a process asks again for an entry that another process is filling, before it loads itself. */
const LEASE_WAIT_MS = 1000;
const LEASE_POLL_MS = 5;

type FlightResult = Omit<CacheRead<unknown>, 'resource' | 'durationSeconds'>;

/** What a caller gets that this call has not put into the cache. */
const UNSTORED = { detail: null, stored: false } as const;

/** A read-through cache that is never older than the last acknowledged write. docs/cache-protocol.md describes the protocol. */
@Injectable()
export class CacheService {
  readonly #flights = new Flights<FlightResult>();
  readonly #decoded = new DecodedEntries();
  readonly #refreshAhead: RefreshAhead;

  constructor(
    private readonly store: LeaseStore,
    private readonly health: CacheHealth,
    private readonly audit: SelfAudit,
  ) {
    this.#refreshAhead = new RefreshAhead(store);
  }

  /**
   * The entry of `id`, loaded with `load` when the store does not have it. The value was read, from the store or by
   * `load`, after this call began.
   *
   * @throws only what `load` throws. Trouble with the store is a reason to load, never an error or an empty result.
   */
  read<Id, T>(spec: CacheSpec<Id, T>, id: Id, load: () => Promise<T>): Promise<CacheRead<T>> {
    const started = performance.now();
    const key = spec.key(id);
    const { result, shared } = this.#flights.board(key, (previous) =>
      this.fly(spec, id, key, load, previous),
    );
    // No async function here: it made 8 % of what a hot read allocates.
    return result.then(({ outcome, detail, stored, value, raw }) => ({
      resource: spec.resource,
      outcome: shared && outcome === 'miss' ? 'collapsed' : outcome,
      detail,
      stored,
      value: value as T,
      raw,
      durationSeconds: (performance.now() - started) / 1000,
    }));
  }

  /**
   * Loads without asking or filling the store.
   *
   * @throws what `load` throws.
   */
  async bypass<Id, T>(
    spec: CacheSpec<Id, T>,
    reason: BypassReason,
    load: () => Promise<T>,
  ): Promise<CacheRead<T>> {
    const started = performance.now();
    const value = await load();
    const result = {
      outcome: 'bypass',
      detail: reason,
      stored: false,
      value,
      raw: spec.encode(value),
    } as const;
    return { resource: spec.resource, ...result, durationSeconds: (performance.now() - started) / 1000 };
  }

  /**
   * Fills those of these keys that are missing, unless another caller is filling them, with one load. It uses the leases, so
   * that several processes that warm the same entries share the work.
   *
   * @param load is called when a key is missing, and may bring entries of others too.
   * @returns how many entries this call stored.
   * @throws {CacheUnavailable} when the store cannot be used; what `load` throws.
   */
  async warm(keys: readonly string[], load: () => Promise<readonly WarmEntry[]>): Promise<number> {
    const { bypassReason } = this.health;
    if (bypassReason !== null) throw new CacheUnavailable(bypassReason, 'The cache is not in use');
    const token = leaseToken();
    const leased = new Set<string>();
    const acquire = async (key: string): Promise<void> => {
      try {
        if ((await this.store.acquire(key, token, LEASE_MS)).state === 'leased') leased.add(key);
      } catch (error) {
        // The next read replaces a corrupt entry, and counts it.
        if (!(error instanceof CorruptEntry)) throw error;
      }
    };
    await Promise.all(keys.map(acquire));
    if (leased.size === 0) return 0;
    let stored = 0;
    try {
      const readAtMs = performance.now();
      const loaded = (await load()).filter(({ key }) => leased.has(key));
      const stores = loaded.map(async ({ key, raw, ttlSeconds }) => {
        leased.delete(key);
        if (await this.tryStore(key, token, { raw, ttlMs: ttlSeconds * 1000, readAtMs })) stored++;
      });
      await Promise.all(stores);
    } finally {
      await Promise.all([...leased].map((key) => this.release(key, token)));
    }
    return stored;
  }

  /**
   * Removes entries and cancels fills that are running. Call it after COMMIT and before the reply.
   *
   * @throws {CacheUnavailable} when the store did not confirm. The entries may still be there.
   */
  async drop(keys: readonly string[]): Promise<void> {
    this.health.assertReachable();
    await this.store.drop(keys);
  }

  /**
   * Believes no entry of these keys any more whose value was read before another process has dropped them.
   *
   * @param atMs Unix milliseconds by the database's clock.
   */
  outdate(keys: readonly string[], atMs: number): void {
    this.store.outdate(keys, atMs);
  }

  /** Believes no entry any more that was read before now. The next read of each loads it. */
  outdateAll(): void {
    this.store.outdateAll();
  }

  private fly<Id, T>(
    spec: CacheSpec<Id, T>,
    id: Id,
    key: string,
    load: () => Promise<T>,
    previous: FlightResult | null,
  ): Promise<FlightResult> {
    const bypassReason = this.health.bypassReason;
    if (bypassReason !== null) return this.loadOnly(spec, 'bypass', bypassReason, load);
    // Most of these callers have already waited for one deadline. The next flight asks the store again.
    if (previous?.outcome === 'error' && previous.detail === 'redis-timeout')
      return this.loadOnly(spec, 'bypass', 'redis-timeout', load);

    const epoch = this.health.epoch;
    return this.store.get(key).then(
      (raw): FlightResult | Promise<FlightResult> => {
        if (raw === null) return this.fill(spec, id, key, load);
        // The reply may be older than an outage that has begun since, or come from another server.
        if (epoch !== this.health.epoch) return this.loadOnly(spec, 'error', 'recovering', load);
        const hit = this.decode(spec, id, key, raw);
        if (hit === null) return this.fill(spec, id, key, load, true);
        this.maintain(spec, key, hit, load);
        return { outcome: 'hit', detail: null, stored: false, value: hit.value, raw };
      },
      (error: unknown) =>
        error instanceof CorruptEntry
          ? this.fill(spec, id, key, load, true)
          : this.loadOnly(spec, 'error', reasonOf(error), load),
    );
  }

  private async fill<Id, T>(
    spec: CacheSpec<Id, T>,
    id: Id,
    key: string,
    load: () => Promise<T>,
    /** Whether a corrupt entry has to be removed first. */
    corrupt = false,
  ): Promise<FlightResult> {
    let outcome: 'miss' | 'corrupt' = 'miss';
    const token = leaseToken();
    const epoch = this.health.epoch;
    const waitUntil = performance.now() + LEASE_WAIT_MS;
    for (;;) {
      // Taken before the call: if this process is the slow one, it asks once more.
      const isLastTry = performance.now() > waitUntil;
      let acquired;
      try {
        if (corrupt) {
          outcome = 'corrupt';
          await this.store.drop([key]);
          corrupt = false;
        }
        acquired = await this.store.acquire(key, token, LEASE_MS);
      } catch (error) {
        if (error instanceof CorruptEntry && !isLastTry) {
          corrupt = true;
          continue;
        }
        const reason = reasonOf(error);
        // The timed-out acquire may still succeed and leave an orphaned lease. Queue a release behind it; don't wait.
        if (reason === 'redis-timeout') void this.release(key, token);
        return this.loadOnly(spec, 'error', reason, load);
      }
      if (acquired.state === 'leased') break;
      if (acquired.state === 'filled') {
        if (epoch !== this.health.epoch) return this.loadOnly(spec, 'error', 'recovering', load);
        const filled = this.decode(spec, id, key, acquired.raw);
        if (filled !== null)
          return { ...UNSTORED, outcome: 'collapsed', value: filled.value, raw: acquired.raw };
        corrupt = true;
      }
      if (isLastTry) return this.loadOnly(spec, 'bypass', 'lease-wait', load);
      if (!corrupt) await sleep(LEASE_POLL_MS);
    }

    return { outcome, detail: null, ...(await this.loadUnderLease(spec, key, token, load)) };
  }

  private async loadUnderLease<Id, T>(
    spec: CacheSpec<Id, T>,
    key: string,
    token: string,
    load: () => Promise<T>,
  ): Promise<{ readonly stored: boolean; readonly value: T; readonly raw: string }> {
    const readAtMs = performance.now();
    let value: T;
    try {
      value = await load();
    } catch (error) {
      await this.release(key, token);
      throw error;
    }
    const raw = spec.encode(value);
    const stored = await this.tryStore(key, token, { raw, ttlMs: spec.ttlSeconds(value) * 1000, readAtMs });
    return { stored, value, raw };
  }

  /** The store refuses when the lease is gone, because a writer dropped the key or the store lost the lease. */
  private async tryStore(key: string, token: string, entry: NewEntry): Promise<boolean> {
    try {
      if (Buffer.byteLength(entry.raw) <= MAX_ENTRY_BYTES) return await this.store.store(key, token, entry);
    } catch (error) {
      // The store may be out of memory, for example. The caller gets the loaded value all the same.
      reasonOf(error);
    }
    await this.release(key, token);
    return false;
  }

  /** Lets the next reader fill the entry at once. */
  private async release(key: string, token: string): Promise<void> {
    try {
      await this.store.release(key, token);
    } catch (error) {
      // The lease expires by itself.
      reasonOf(error);
    }
  }

  private async loadOnly<Id, T>(
    spec: CacheSpec<Id, T>,
    outcome: Extract<CacheOutcome, 'bypass' | 'error'>,
    detail: BypassReason,
    load: () => Promise<T>,
  ): Promise<FlightResult> {
    const value = await load();
    return { ...UNSTORED, outcome, detail, value, raw: spec.encode(value) };
  }

  /** In the background: refreshes the entry in time, and compares a sample of hits with the database. */
  private maintain<Id, T>(
    spec: CacheSpec<Id, T>,
    key: string,
    hit: DecodedEntry<T>,
    load: () => Promise<T>,
  ): void {
    if (this.#refreshAhead.isDue(hit)) {
      this.#refreshAhead.refresh(hit, key, spec.ttlSeconds(hit.value) * 1000, async () => {
        const readAtMs = performance.now();
        const value = await load();
        return { raw: spec.encode(value), ttlMs: spec.ttlSeconds(value) * 1000, readAtMs };
      });
    }
    if (this.audit.samples()) {
      this.audit.compare(key, hit.raw, spec.fingerprint(hit.value), async () =>
        spec.fingerprint(await load()),
      );
    }
  }

  private decode<Id, T>(spec: CacheSpec<Id, T>, id: Id, key: string, raw: string): DecodedEntry<T> | null {
    try {
      return this.#decoded.decode(spec, id, key, raw);
    } catch {
      // The text is not this entry, whatever the error. The caller removes and counts it.
      return null;
    }
  }
}

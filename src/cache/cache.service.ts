import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { type BypassReason, CacheUnavailable, WrongTypeEntry } from './cache-errors.js';
import { CacheHealth } from './cache-health.js';
import type { CacheOutcome, CacheRead } from './cache-read.js';
import type { CacheSpec } from './cache-spec.js';
import { DecodedValues, type Known } from './decoded-values.js';
import { Flights } from './flights.js';
import { LeaseStore, MAX_ENTRY_BYTES } from './lease-store.js';
import { LEASE_MS, leaseToken } from './lease.js';
import { RefreshAhead } from './refresh-ahead.js';
import { SelfAudit } from './self-audit.js';

/** How long, and how often, a process waits for another one's filler before it loads for itself. */
const LEASE_WAIT_MS = 1000;
const LEASE_POLL_MS = 5;

type Flown = Omit<CacheRead<unknown>, 'resource' | 'durationSeconds'>;

/** Read-through cache that is never older than the last acknowledged write. The protocol is in README.md. */
@Injectable()
export class CacheService {
  readonly #flights = new Flights<Flown>();
  readonly #decoded = new DecodedValues();
  readonly #refreshAhead: RefreshAhead;

  constructor(
    private readonly store: LeaseStore,
    private readonly health: CacheHealth,
    private readonly audit: SelfAudit,
  ) {
    this.#refreshAhead = new RefreshAhead(store);
  }

  /**
   * The entry of `id`, loaded with `load` when the store does not have it. Whatever is returned was read, from the
   * store or by `load`, after this call began.
   *
   * @throws only what `load` throws: trouble with the store is a reason to load, never an error or an empty answer.
   */
  read<Id, T>(spec: CacheSpec<Id, T>, id: Id, load: () => Promise<T>): Promise<CacheRead<T>> {
    const started = performance.now();
    const key = spec.key(id);
    const { result, shared } = this.#flights.board(key, (previous) =>
      this.fly(spec, id, key, load, previous),
    );
    // Not awaited here: an async function was 8 % of what a hot read allocates.
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
   * Loads past the store, which is neither asked nor filled.
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
    const flown = {
      outcome: 'bypass',
      detail: reason,
      stored: false,
      value,
      raw: spec.encode(value),
    } as const;
    return { resource: spec.resource, ...flown, durationSeconds: (performance.now() - started) / 1000 };
  }

  /**
   * Fills an entry that is not there, unless somebody else is filling it. Through the lease, so that several processes
   * that warm the same entries share the work.
   *
   * @returns whether this call stored it.
   * @throws {CacheUnavailable} when the store cannot be used; what `load` throws.
   */
  async warm<Id, T>(spec: CacheSpec<Id, T>, id: Id, load: () => Promise<T>): Promise<boolean> {
    const { bypassReason } = this.health;
    if (bypassReason !== null) throw new CacheUnavailable(bypassReason, 'The cache is not in use');
    const key = spec.key(id);
    const token = leaseToken();
    const { state } = await this.store.acquire(key, token, LEASE_MS);
    return state === 'leased' && (await this.loadUnderLease(spec, key, token, load)).stored;
  }

  /**
   * Removes entries and whatever is being filled into them. To be called after COMMIT and before the reply.
   *
   * @throws {CacheUnavailable} when the store did not confirm: the entries may be there still.
   */
  async drop(keys: readonly string[]): Promise<void> {
    this.health.assertReachable();
    await this.store.drop(keys);
  }

  private fly<Id, T>(
    spec: CacheSpec<Id, T>,
    id: Id,
    key: string,
    load: () => Promise<T>,
    previous: Flown | null,
  ): Promise<Flown> {
    const distrust = this.health.bypassReason;
    if (distrust !== null) return this.loadOnly(spec, 'bypass', distrust, load);
    // Most of these callers have waited for one deadline already. The next flight asks again.
    if (previous?.outcome === 'error' && previous.detail === 'redis-timeout')
      return this.loadOnly(spec, 'bypass', 'redis-timeout', load);

    const epoch = this.health.epoch;
    return this.store.get(key).then(
      (raw): Flown | Promise<Flown> => {
        if (raw === null) return this.fill(spec, id, key, load, 'miss');
        // The answer may come from before an outage that has begun since, or from another server.
        if (epoch !== this.health.epoch) return this.loadOnly(spec, 'error', 'recovering', load);
        const hit = this.decode(spec, id, key, raw);
        if (hit === null) return this.replace(spec, id, key, load);
        this.lookAfter(spec, key, hit, load);
        return { outcome: 'hit', detail: null, stored: false, value: hit.value, raw };
      },
      (error: unknown) =>
        error instanceof WrongTypeEntry
          ? this.replace(spec, id, key, load)
          : this.loadOnly(spec, 'error', reasonOf(error), load),
    );
  }

  /** An entry that is none of ours. */
  private async replace<Id, T>(
    spec: CacheSpec<Id, T>,
    id: Id,
    key: string,
    load: () => Promise<T>,
  ): Promise<Flown> {
    try {
      await this.store.drop([key]);
    } catch (error) {
      return this.loadOnly(spec, 'error', reasonOf(error), load);
    }
    return this.fill(spec, id, key, load, 'corrupt');
  }

  private async fill<Id, T>(
    spec: CacheSpec<Id, T>,
    id: Id,
    key: string,
    load: () => Promise<T>,
    outcome: 'miss' | 'corrupt',
  ): Promise<Flown> {
    const token = leaseToken();
    const epoch = this.health.epoch;
    const waitUntil = performance.now() + LEASE_WAIT_MS;
    for (;;) {
      // As of before the call: who was held up meanwhile, rather than the other process, asks once more.
      const isLastTry = performance.now() > waitUntil;
      let acquired;
      try {
        acquired = await this.store.acquire(key, token, LEASE_MS);
      } catch (error) {
        const reason = reasonOf(error);
        if (error instanceof WrongTypeEntry) await this.removeForeign(key);
        // Carried out late, it would be a lease of nobody's. Sent behind it, by the same connection; not waited for.
        if (reason === 'redis-timeout') void this.giveBack(key, token);
        return this.loadOnly(spec, 'error', reason, load);
      }
      if (acquired.state === 'leased') break;
      if (acquired.state === 'filled') {
        if (epoch !== this.health.epoch) return this.loadOnly(spec, 'error', 'recovering', load);
        const filled = this.decode(spec, id, key, acquired.raw);
        if (filled === null) return this.loadOnly(spec, 'error', 'redis-error', load);
        return { outcome: 'collapsed', detail: null, stored: false, value: filled.value, raw: acquired.raw };
      }
      if (isLastTry) return this.loadOnly(spec, 'bypass', 'lease-wait', load);
      await sleep(LEASE_POLL_MS);
    }

    return { outcome, detail: null, ...(await this.loadUnderLease(spec, key, token, load)) };
  }

  private async loadUnderLease<Id, T>(
    spec: CacheSpec<Id, T>,
    key: string,
    token: string,
    load: () => Promise<T>,
  ): Promise<{ readonly stored: boolean; readonly value: T; readonly raw: string }> {
    let value: T;
    try {
      value = await load();
    } catch (error) {
      await this.giveBack(key, token);
      throw error;
    }
    const raw = spec.encode(value);
    const stored = await this.tryStore(key, token, raw, spec.ttlSeconds(value) * 1000);
    return { stored, value, raw };
  }

  /** Refused when the lease is gone, because a writer dropped the key meanwhile or the store lost it. */
  private async tryStore(key: string, token: string, raw: string, ttlMs: number): Promise<boolean> {
    try {
      if (Buffer.byteLength(raw) <= MAX_ENTRY_BYTES) return await this.store.store(key, token, raw, ttlMs);
    } catch (error) {
      // Such as no memory left. The value is loaded; the caller gets it all the same.
      reasonOf(error);
    }
    await this.giveBack(key, token);
    return false;
  }

  /** So that the next reader does not wait for a filler that has given up. */
  private async giveBack(key: string, token: string): Promise<void> {
    try {
      await this.store.release(key, token);
    } catch (error) {
      // Then it expires.
      reasonOf(error);
    }
  }

  /** What is no string under our key or its lease is not ours, and would stay in the way of it. */
  private async removeForeign(key: string): Promise<void> {
    try {
      await this.store.drop([key]);
    } catch (error) {
      reasonOf(error);
    }
  }

  private async loadOnly<Id, T>(
    spec: CacheSpec<Id, T>,
    outcome: Extract<CacheOutcome, 'bypass' | 'error'>,
    detail: BypassReason,
    load: () => Promise<T>,
  ): Promise<Flown> {
    const value = await load();
    return { outcome, detail, stored: false, value, raw: spec.encode(value) };
  }

  /** In the background: renew it in time, and now and then compare it with the database. */
  private lookAfter<Id, T>(spec: CacheSpec<Id, T>, key: string, hit: Known<T>, load: () => Promise<T>): void {
    if (this.#refreshAhead.isDue(hit)) {
      this.#refreshAhead.look(hit, key, spec.ttlSeconds(hit.value) * 1000, async () => {
        const value = await load();
        return { raw: spec.encode(value), ttlMs: spec.ttlSeconds(value) * 1000 };
      });
    }
    if (this.audit.samples()) {
      this.audit.compare(key, hit.raw, spec.fingerprint(hit.value), async () =>
        spec.fingerprint(await load()),
      );
    }
  }

  private decode<Id, T>(spec: CacheSpec<Id, T>, id: Id, key: string, raw: string): Known<T> | null {
    if (raw.length > MAX_ENTRY_BYTES) return null;
    try {
      return this.#decoded.decode(spec, id, key, raw);
    } catch {
      // Whatever is wrong with it, it is not this entry. The caller removes and counts it.
      return null;
    }
  }
}

/** Trouble with the store is known by its class; anything else is a fault of this program and is not hidden. */
function reasonOf(error: unknown): BypassReason {
  if (error instanceof CacheUnavailable) return error.reason;
  if (error instanceof WrongTypeEntry) return 'redis-error';
  throw error;
}

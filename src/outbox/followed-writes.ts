import { Logger } from '@nestjs/common';
import { CorruptEntry } from '../cache/cache-errors.js';
import type { CacheHealth } from '../cache/cache-health.js';
import type { LeaseStore } from '../cache/lease-store.js';
import type { SelfAudit } from '../cache/self-audit.js';
import { DomainError } from '../common/domain-error.js';
import type { CacheKeys } from './cache-keys.js';
import { type HeardChange, type PlatformChange, type VersionedEntry, isPlatformChange } from './change.js';

/** One of this many changes is followed. A prime, so that writes that repeat in a pattern are all followed in turn. */
export const FOLLOWED_ONE_OF = 251;
/** When an entry is looked at, after this process has heard of the change. The late looks are for late fills. */
const LOOKS_MS = [0, 6000, 12_000];
/** Under load the relay runs hundreds of times a second. */
const LOOK_INTERVAL_MS = 500;
/** An entry that is older than the write for so long is reported. Longer than any invalidation takes. */
const CONFIRM_MS = 5000;
/** How long a reported entry stays, so that the other processes that would answer with it report it too. */
const REMOVE_AFTER_MS = 3000;
/** Further entries are not followed, and counted as abandoned. */
const MAX_ENTRIES = 1000;
/** The relay hears of each change several times. Ids of those that were followed. */
const MAX_KNOWN = 2000;

/**
 * `seen`: the entry shows the write, or a later one. `absent`: nobody has filled it. `abandoned`: Redis was in trouble, or too
 * many were followed. `stale`: it was reported.
 */
export const FOLLOW_OUTCOMES = ['seen', 'absent', 'abandoned', 'stale'] as const;
export type FollowOutcome = (typeof FOLLOW_OUTCOMES)[number];

type HeardPlatformChange = HeardChange & { readonly change: PlatformChange };

interface FollowedEntry {
  readonly heard: HeardPlatformChange;
  readonly entry: VersionedEntry;
  readonly epoch: number;
  /** This and the following on the clock of performance.now(). */
  readonly heardAtMs: number;
  looks: number;
  dueAtMs: number;
  staleSinceMs: number | null;
  isReported: boolean;
}

/**
 * Checks the promise of the cache from the side of its readers, after Meta's Polaris: every process follows the same sample of
 * writes, as it hears of them from the outbox, until what it would answer from the cache shows them. An entry that goes on
 * being older than the write is counted in `cache_inconsistencies_total`, logged with its trace, and removed.
 *
 * A look costs one GET. The database is asked only before a report.
 *
 * @see https://engineering.fb.com/2022/06/08/core-infra/cache-made-consistent/
 */
export class FollowedWrites {
  readonly #logger = new Logger('FollowedWrites');
  readonly #outcomes: Record<FollowOutcome, number> = { seen: 0, absent: 0, abandoned: 0, stale: 0 };
  readonly #known = new Set<string>();
  #entries: FollowedEntry[] = [];
  #looking = false;
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly store: LeaseStore,
    private readonly health: CacheHealth,
    private readonly keys: CacheKeys,
    private readonly audit: SelfAudit,
    private readonly oneOf = FOLLOWED_ONE_OF,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  /** Entries of followed writes, by what became of them, since start. */
  get outcomes(): Readonly<Record<FollowOutcome, number>> {
    return this.#outcomes;
  }

  /** Call it with each change whose keys were dropped; more than once is fine. */
  hear(heard: HeardChange): void {
    const { id, change, version } = heard;
    if (Number(id) % this.oneOf !== 0 || this.#known.has(id) || !isPlatformChange(change)) return;
    // Written by the trigger of a release that did not note versions.
    if (version === null && change.type !== 'platform.deleted') return;
    for (const oldest of this.#known) {
      if (this.#known.size < MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    this.#known.add(id);
    const now = this.nowMs();
    for (const entry of this.keys.versioned(change)) {
      if (this.#entries.length >= MAX_ENTRIES) this.#outcomes.abandoned++;
      else
        this.#entries.push({
          heard: { ...heard, change },
          entry,
          epoch: this.health.epoch,
          heardAtMs: now,
          looks: 0,
          dueAtMs: now,
          staleSinceMs: null,
          isReported: false,
        });
    }
  }

  /**
   * Nobody waits for it; it does not reject. Call it after a look at the outbox that has succeeded: a process that does not hear
   * of changes does not know what it should show.
   */
  async look(): Promise<void> {
    const now = this.nowMs();
    if (this.#entries.length === 0 || this.#looking || now - this.#lookedAtMs < LOOK_INTERVAL_MS) return;
    this.#lookedAtMs = now;
    this.#looking = true;
    try {
      await this.#lookAtAll(now);
    } finally {
      this.#looking = false;
    }
  }

  async #lookAtAll(now: number): Promise<void> {
    const ended = new Set<FollowedEntry>();
    for (const followed of this.#entries.filter(({ dueAtMs }) => dueAtMs <= now)) {
      const outcome = await this.#lookAt(followed).catch((error: unknown): FollowOutcome => {
        if (!(error instanceof DomainError)) this.#logger.error(error);
        return 'abandoned';
      });
      if (outcome === null) continue;
      this.#outcomes[outcome]++;
      ended.add(followed);
    }
    this.#entries = this.#entries.filter((followed) => !ended.has(followed));
  }

  /** @returns null to look again. */
  async #lookAt(followed: FollowedEntry): Promise<FollowOutcome | null> {
    if (!this.#isTrusted(followed)) return 'abandoned';
    const { entry, heard, heardAtMs } = followed;
    const raw = await this.store.get(entry.key).catch(ifCorrupt);
    if (!this.#isTrusted(followed)) return 'abandoned';
    const shown = raw === null ? null : entry.versionIn(raw);
    const isStale = raw !== null && isOlder(shown, heard.version);
    if (followed.isReported) {
      if (isStale) await this.store.drop([entry.key]);
      return 'stale';
    }
    if (raw !== null && !isStale) return 'seen';
    const now = this.nowMs();
    followed.staleSinceMs = isStale ? (followed.staleSinceMs ?? now) : null;
    if (followed.staleSinceMs !== null && now - followed.staleSinceMs >= CONFIRM_MS) {
      if (!isWrong(shown, heard.version, entry.versionIn(await entry.load()))) return 'seen';
      this.#report(followed, shown);
      followed.isReported = true;
      followed.dueAtMs = now + REMOVE_AFTER_MS;
      return null;
    }
    const nextMs = LOOKS_MS[++followed.looks];
    if (nextMs !== undefined) followed.dueAtMs = heardAtMs + nextMs;
    else if (followed.staleSinceMs !== null) followed.dueAtMs = followed.staleSinceMs + CONFIRM_MS;
    else return 'absent';
    return null;
  }

  /** After an outage the protocol repeats its invalidations; what was seen before it says nothing about them. */
  #isTrusted({ epoch }: FollowedEntry): boolean {
    return this.health.bypassReason === null && this.health.epoch === epoch;
  }

  #report({ heard, entry, heardAtMs, staleSinceMs }: FollowedEntry, shown: number | null): void {
    const { id, change, version, atMs } = heard;
    const ageMs = (sinceMs: number): number => Math.round(this.nowMs() - sinceMs);
    this.audit.found(
      `A cached entry is older than a write, and will be removed: ${entry.key} shows ${shownAs(shown)} of connection ` +
        `${change.platformId}. Change ${id} (${change.type ?? ''}) left ${shownAs(version)}, and its entries were dropped at ` +
        `${new Date(atMs).toISOString()}. Heard of ${ageMs(heardAtMs)} ms ago, seen stale since ${ageMs(staleSinceMs ?? 0)} ms.`,
    );
  }
}

function shownAs(version: number | null): string {
  return version === null ? 'nothing' : `version ${version}`;
}

/** Whether an entry may be older than the write. One that lacks the connection may also be newer: it may be inactive by now. */
function isOlder(shown: number | null, written: number | null): boolean {
  return shown === null || written === null ? shown !== written : shown < written;
}

/**
 * Whether an entry that seemed older is so.
 *
 * @param current what a read would load now. If that is neither the write nor what followed it, the write was undone: by SQL
 * that inserted the row once more, or by a failover of PostgreSQL.
 */
function isWrong(shown: number | null, written: number | null, current: number | null): boolean {
  if (shown === null) return current === written;
  return current === null || (written !== null && current >= written);
}

/** A read would replace such a text. */
function ifCorrupt(error: unknown): null {
  if (error instanceof CorruptEntry) return null;
  throw error;
}

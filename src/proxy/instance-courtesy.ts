import { createHash, randomUUID } from 'node:crypto';
import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { SlotStore } from '../cache/slot-store.js';
import { AppConfig } from '../config/app-config.js';
import { RateLimiter } from '../rate-limit/rate-limiter.js';
import { InstanceBusy } from './proxy.errors.js';

/** A process that dies holds its places for so long. */
const LEASE_MS = 30_000;
const RENEW_MS = 10_000;
const BUSY_SECONDS = 1;

interface Place {
  readonly key: string;
  readonly member: string;
}

/**
 * Keeps the requests to one instance within bounds, of all users and processes together: how many at the same time, and how
 * many a minute. While Redis is away each process keeps the bounds by itself.
 */
@Injectable()
export class InstanceCourtesy implements OnApplicationShutdown {
  readonly #open = new Map<string, number>();
  readonly #places = new Set<Place>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly limiter: RateLimiter,
    @Inject(SlotStore) private readonly slots: SlotStore | null,
    private readonly config: AppConfig,
  ) {}

  /**
   * @returns what to call when the request is over.
   * @throws {InstanceBusy}
   */
  async enter(origin: string): Promise<() => void> {
    const { instanceConcurrency: max, instancePerMinute } = this.config.proxy;
    // Hashed: a key of Redis has no part that somebody else has written.
    const instance = createHash('sha256').update(origin).digest('base64url').slice(0, 22);
    // Counted before anything is waited for, so that simultaneous requests count.
    const leaveHere = this.enterHere(instance, max);
    try {
      // Together: Redis is asked for both in one round trip.
      const [verdict, leaveShared] = await Promise.all([
        this.limiter.takeExactly(`instance:${instance}`, instancePerMinute),
        this.enterShared(instance, max),
      ]);
      if (!verdict.admitted) {
        leaveShared?.();
        throw new InstanceBusy(verdict.resetSeconds);
      }
      if (leaveShared === null) throw new InstanceBusy(BUSY_SECONDS);
      return () => {
        leaveHere();
        leaveShared();
      };
    } catch (error) {
      leaveHere();
      throw error;
    }
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  private enterHere(instance: string, max: number): () => void {
    const open = this.#open.get(instance) ?? 0;
    if (open >= max) throw new InstanceBusy(BUSY_SECONDS);
    this.#open.set(instance, open + 1);
    return () => {
      const left = (this.#open.get(instance) ?? 1) - 1;
      if (left === 0) this.#open.delete(instance);
      else this.#open.set(instance, left);
    };
  }

  /** Null when all places are taken. */
  private async enterShared(instance: string, max: number): Promise<(() => void) | null> {
    const { slots } = this;
    if (slots === null) return () => undefined;
    const place = { key: `instance_slots:${instance}`, member: randomUUID() };
    if ((await slots.enter(place.key, place.member, max, LEASE_MS)) === false) return null;
    this.#places.add(place);
    this.#timer ??= setInterval(() => this.renew(slots, max), RENEW_MS).unref();
    return () => {
      this.#places.delete(place);
      void slots.leave(place.key, place.member);
    };
  }

  private renew(slots: SlotStore, max: number): void {
    for (const { key, member } of this.#places) void slots.enter(key, member, max, LEASE_MS);
  }
}

import { type Process, type Versions, platformsOf } from './deployment.js';
import type { World } from './world.js';

export const USER_IDS = [1, 2, 3] as const;
/** No request may take longer. A read waits for a flight and then for its own, each for the lease and for the database. */
const MAX_READ_MS = 4500;
/** If the database may not answer for so long that a statement times out. */
const MAX_READ_WITHOUT_DATABASE_MS = 6500;
const MAX_WRITE_MS = 12_000;
export const LOOK_EVERY_MS = 6;
/** A write that takes longer has waited for another process to drop its entries. */
const LONG_MS = 1000;
const LOOKS_AFTER_WAIT = 20;
const MAX_WAIT_FOR_EVENTS_MS = 3000;

/** Those who send requests to the processes, and remember what they have been told. */
export class Clients {
  violation: string | null = null;
  readonly outcomes: Record<string, number> = {};
  /** What a client has been told: the versions that a read which begins now must at least show. */
  readonly #acknowledged = new Map<number, number>();
  /** How many events of each connection have been told. */
  readonly #told = new Map<number, number>();
  lastEventId = 0;
  readonly #maxReadMs: number;

  constructor(
    private readonly world: World,
    private readonly processes: readonly Process[],
    needsDatabase: boolean,
  ) {
    this.#maxReadMs = needsDatabase ? MAX_READ_WITHOUT_DATABASE_MS : MAX_READ_MS;
  }

  fail(property: string): void {
    this.violation ??= property;
    this.world.say(`VIOLATION: ${property}`);
  }

  /** No read shows less than what was acknowledged before it began. */
  read(one: Process, userId: number | null, ids: readonly number[]): void {
    const { world } = this;
    const least = ids.map((id) => this.#acknowledged.get(id) ?? 0);
    const what = `read of ${userId === null ? ids.join() : `the list of user ${userId}`}, begun at ${world.now.toFixed(1)}`;
    this.#mustEnd(one, what, this.#maxReadMs, async () => {
      const { outcome, versions } = await one.read(ids, userId);
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
      world.say(`${what}: ${outcome} ${JSON.stringify(versions)}`);
      for (const [index, id] of ids.entries()) {
        const [shown, expected] = [versions[id] ?? 0, least[index] ?? 0];
        if (shown < expected)
          this.fail(`the ${what} shows version ${shown} of ${id}, but ${expected} had been told`);
      }
    });
  }

  warm(one: Process): void {
    this.world.say('warms the lists');
    this.#mustEnd(one, 'a warm-up', this.#maxReadMs, async () => {
      this.world.say(`has warmed ${await one.warm(USER_IDS)}`);
    });
  }

  write(one: Process, userId: number, platformId: number): void {
    const { world } = this;
    const began = world.now;
    world.say(`writes ${platformId}`);
    const what = `a write of ${platformId}, begun at ${world.now.toFixed(1)}`;
    this.#mustEnd(one, what, MAX_WRITE_MS, async () => {
      try {
        this.#acknowledge(await one.write(userId, platformId));
        // Those that could not drop their entries have waited.
        this.lookAround(world.now - began > LONG_MS ? LOOKS_AFTER_WAIT : 1, userId);
      } catch (error) {
        world.say(`a write of ${platformId} failed: ${String(error)}`);
        if (world.random('retries') < 0.5) return;
        const other = this.processes[Math.floor(world.random('retries') * this.processes.length)];
        if (other !== undefined) world.on(other.host, () => void this.#repeat(other, userId));
      }
    });
  }

  async #repeat(one: Process, userId: number): Promise<void> {
    const { world } = this;
    try {
      world.say(`repeats a write of user ${userId}`);
      this.#acknowledge(await one.write(userId, null));
    } catch (error) {
      world.say(`the repeated write failed: ${String(error)}`);
    }
  }

  #acknowledge(committed: Versions): void {
    this.world.say(`acknowledged: ${JSON.stringify(committed)}`);
    for (const [platformId, version] of Object.entries(committed)) {
      const id = Number(platformId);
      this.#acknowledged.set(id, Math.max(this.#acknowledged.get(id) ?? 0, version));
    }
  }

  /** A client that goes on where it was, on one process after another: each event once, in order. */
  async followEvents(): Promise<void> {
    const { world } = this;
    for (;;) {
      await world.sleep(world.between(50, 1000, 'events'));
      const one = this.processes[Math.floor(world.random('events') * this.processes.length)];
      if (one === undefined) continue;
      const page = await Promise.race([
        world.on(one.host, () => one.events.news(this.lastEventId, () => USER_IDS, 50)).catch(() => null),
        world.sleep(MAX_WAIT_FOR_EVENTS_MS).then(() => null),
      ]);
      for (const { eventId, platformId } of page?.events ?? []) {
        if (eventId !== this.lastEventId + 1) this.fail(`event ${eventId} comes after ${this.lastEventId}`);
        this.lastEventId = eventId;
        const version = (this.#told.get(platformId) ?? 0) + 1;
        this.#told.set(platformId, version);
        // A read that begins after an event shows its change.
        this.#acknowledge({ [platformId]: version });
      }
    }
  }

  /** Nothing waits without end. */
  #mustEnd(one: Process, what: string, withinMs: number, work: () => Promise<void>): void {
    const { host } = one;
    let ended = false;
    let frozenMs = host.frozenMs - Math.max(0, host.frozenUntil - this.world.now);
    const look = (): void => {
      if (ended || !host.alive) return;
      if (host.frozenMs === frozenMs) return this.fail(`${what} has not ended`);
      this.world.after(host.frozenMs - frozenMs, look);
      frozenMs = host.frozenMs;
    };
    this.world.after(withinMs, look);
    // It arrives when the process runs.
    this.world.after(
      0,
      () =>
        void work()
          .catch((error: unknown) => this.world.say(`${what} failed: ${String(error)}`))
          .finally(() => (ended = true)),
      host,
    );
  }

  /** Reads something of everything, on every process, so many times; or of one user. */
  lookAround(times = 1, of?: number): void {
    if (times > 1) this.world.after(LOOK_EVERY_MS, () => this.lookAround(times - 1, of));
    for (const one of this.processes) {
      const userId = of ?? this.world.pick(USER_IDS, 'looks');
      const ids = platformsOf(userId);
      this.world.on(one.host, () => this.read(one, userId, ids));
      this.world.on(one.host, () => this.read(one, null, [this.world.pick(ids, 'looks')]));
    }
  }
}

import { Process, type Versions, platformsOf } from './deployment.js';
import { type Action, BUSY_MS, FAULTS } from './plan.js';
import { SimulatedPostgres } from './simulated-postgres.js';
import { SimulatedRedis } from './simulated-redis.js';
import { World } from './world.js';

const PROCESSES = 3;
const USER_IDS = [1, 2, 3];
/** How long it is quiet in the end. */
const QUIET_MS = 8000;
/** What is wrong after a fault is wrong for moments: so often everything is read, on every process. */
const LOOKS = 60;
const LOOK_EVERY_MS = 6;
/** Of docs/cache-protocol.md: a process that was killed keeps others from filling an entry for so long. */
const MAX_LEASE_MS = 5000;
/** No request may take longer, on a process that is frozen and slowed down. A write also waits for others. */
const MAX_READ_MS = 4500;
const MAX_WRITE_MS = 12_000;
/** Shorter than what limit 2 of docs/cache-protocol.md speaks of. */
const MAX_FREEZE_MS = 1500;

export interface Violation {
  readonly property: string;
  readonly timeline: readonly string[];
}

export interface Outcome {
  readonly violation: Violation | null;
  readonly virtualMs: number;
  readonly events: number;
  /** Texts of what was seen, to count how many different states there were. */
  readonly states: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

export async function simulate(seed: number, plan: readonly Action[]): Promise<Outcome> {
  const world = new World(seed);
  const run = new Run(world);
  await run.go(plan);
  const timeline = world.timeline;
  return {
    violation: run.violation === null ? null : { property: run.violation, timeline },
    virtualMs: world.now,
    events: world.events,
    states: run.states.size,
    outcomes: run.outcomes,
  };
}

class Run {
  violation: string | null = null;
  readonly states = new Set<string>();
  readonly outcomes: Record<string, number> = {};
  readonly #redis: SimulatedRedis;
  readonly #postgres: SimulatedPostgres;
  readonly #processes: Process[] = [];
  /** What a client has been told: the versions that a read which begins now must at least show. */
  readonly #acknowledged = new Map<number, number>();
  /** The connection of each event, in order of the events' ids, which begin with 1. */
  readonly #seenEvents: number[] = [];
  #started = 0;
  #isJudged = false;
  #busy = true;

  constructor(private readonly world: World) {
    this.#redis = new SimulatedRedis(() => world.now);
    this.#postgres = new SimulatedPostgres(world);
  }

  async go(plan: readonly Action[]): Promise<void> {
    const { world } = this;
    // Not now: the clock is that of the world only while it runs.
    for (let index = 0; index < PROCESSES; index++) world.after(0, () => this.#startProcess());
    world.after(0, () => void this.#followEvents());
    this.#copyNowAndThen();
    for (const action of plan) {
      world.after(1000 + action.at, () => this.#act(action));
      // From before, so that reads are under way when it comes.
      if (action.kind in FAULTS)
        world.after(1000 + action.at - LOOK_EVERY_MS / 2, () => this.#lookAround(LOOKS));
    }
    world.after(1000 + BUSY_MS, () => this.#mendAll());
    world.after(1000 + BUSY_MS + QUIET_MS, () => void this.#judgeRest());
    await world.run(1000 + BUSY_MS + 2 * QUIET_MS, () => this.violation !== null);
    if (this.violation === null && !this.#isJudged) this.#fail('at rest, a read has not ended');
  }

  #fail(property: string): void {
    this.violation ??= property;
    this.world.say(`VIOLATION: ${property}`);
  }

  #startProcess(): void {
    const one = new Process(this.world, this.#redis, this.#postgres, `p${++this.#started}`);
    this.#processes.push(one);
    this.world.on(one.host, () => void one.start());
  }

  #copyNowAndThen(): void {
    this.#redis.copy();
    for (const [key, { expiresAt }] of this.#redis.data)
      if (key.startsWith('lease:') && expiresAt > this.world.now + MAX_LEASE_MS)
        this.#fail(`${key} lasts too long`);
    if (this.#busy) this.world.after(this.world.between(50, 800, 'copies'), () => this.#copyNowAndThen());
  }

  #lookAround(times: number): void {
    for (const one of this.#processes) {
      const userId = this.world.pick(USER_IDS, 'looks');
      const ids = platformsOf(userId);
      this.world.on(one.host, () => this.#read(one, userId, ids));
      this.world.on(one.host, () => this.#read(one, null, [this.world.pick(ids, 'looks')]));
    }
    if (times > 1) this.world.after(LOOK_EVERY_MS, () => this.#lookAround(times - 1));
  }

  #act({ kind, who, which, forMs }: Action): void {
    const { world } = this;
    const one = this.#processes[Math.floor(who * this.#processes.length)];
    if (one === undefined) return;
    const userId = USER_IDS[Math.floor(which * USER_IDS.length)] ?? 0;
    const platforms = platformsOf(userId);
    const platformId = platforms[Math.floor((which * 1000) % platforms.length)] ?? 0;
    const say = (what: string): void => world.on(one.host, () => world.say(what));
    switch (kind) {
      case 'read a list':
        return world.on(one.host, () => this.#read(one, userId, platforms));
      case 'read one':
        return world.on(one.host, () => this.#read(one, null, [platformId]));
      case 'warm':
        say('warms the lists');
        return world.on(one.host, () =>
          this.#mustEnd(one, 'a warm-up', MAX_READ_MS, async () => {
            say(`has warmed ${await one.warm(USER_IDS)}`);
          }),
        );
      case 'write':
        return world.on(one.host, () => this.#write(one, userId, platformId));
      case 'sql': {
        world.say(`SQL by hand changes ${platformId}`);
        const by = this.#postgres.begin();
        this.#postgres.change(userId, platformId, by);
        return by.commit();
      }
      case 'redis restarts empty':
      case 'redis restarts with an older state':
        world.say(kind);
        this.#redis.restart(kind === 'redis restarts empty' ? 'nothing' : 'copy', which);
        for (const { toRedis } of this.#processes) toRedis.reset('the server has gone');
        return;
      case 'redis is flushed':
        world.say(kind);
        return this.#redis.data.clear();
      case 'redis evicts':
        return world.say(`redis evicts ${this.#redis.evict(which) ?? 'nothing'}`);
      case 'redis is slow':
        say(`redis is slow for ${forMs} ms`);
        one.toRedis.slowMs = 20 + which * 200;
        return void world.after(forMs, () => one.toRedis.mend());
      case 'redis is cut off':
        say(`cut off from redis for ${forMs} ms`);
        one.toRedis.cut = true;
        return void world.after(forMs, () => one.toRedis.mend());
      case 'redis connection is reset':
        say(kind);
        return one.toRedis.reset('reset by peer');
      case 'postgres connections are killed':
        say(kind);
        return one.toPostgres.reset('terminated by an administrator');
      case 'postgres is slow':
        say(`postgres is slow for ${forMs} ms`);
        one.toPostgres.slowMs = 10 + which * 50;
        return void world.after(forMs, () => one.toPostgres.mend());
      case 'process is killed':
        say(kind);
        one.host.alive = false;
        this.#processes.splice(this.#processes.indexOf(one), 1);
        one.toRedis.reset('gone');
        one.toPostgres.reset('gone');
        return void world.after(forMs, () => this.#startProcess());
      case 'process is frozen': {
        const ms = Math.min(forMs, MAX_FREEZE_MS);
        say(`is frozen for ${ms} ms`);
        one.host.frozenUntil = world.now + ms;
      }
    }
  }

  #mendAll(): void {
    this.#busy = false;
    for (const { toRedis, toPostgres } of this.#processes) {
      toRedis.mend();
      toPostgres.mend();
    }
    this.world.say('everything is well again');
  }

  /** No read shows less than what was acknowledged before it began. */
  #read(one: Process, userId: number | null, ids: readonly number[]): void {
    const { world } = this;
    const least = new Map(this.#acknowledged);
    const what = `read of ${userId === null ? ids.join() : `the list of user ${userId}`}, begun at ${world.now.toFixed(1)}`;
    this.#mustEnd(one, what, MAX_READ_MS, async () => {
      const began = world.now;
      const { outcome, versions } = await one.read(ids, userId);
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
      this.states.add(
        `${one.host.name} ${outcome} ${JSON.stringify(versions)} ${Math.round(world.now - began)}`,
      );
      world.say(`${what}: ${outcome} ${JSON.stringify(versions)}`);
      for (const id of ids) {
        const [shown, expected] = [versions[id] ?? 0, least.get(id) ?? 0];
        if (shown < expected)
          this.#fail(`the ${what} shows version ${shown} of ${id}, but ${expected} had been told`);
      }
    });
  }

  #write(one: Process, userId: number, platformId: number): void {
    const { world } = this;
    world.say(`writes ${platformId}`);
    this.#mustEnd(
      one,
      `a write of ${platformId}, begun at ${world.now.toFixed(1)}`,
      MAX_WRITE_MS,
      async () => {
        try {
          this.#acknowledge(await one.write(userId, platformId));
        } catch (error) {
          world.say(`a write of ${platformId} failed: ${String(error)}`);
          if (world.random('retries') < 0.5) return;
          const other = this.#processes[Math.floor(world.random('retries') * this.#processes.length)];
          if (other !== undefined) world.on(other.host, () => void this.#repeat(other, userId));
        }
      },
    );
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

  /** Nothing waits for ever. */
  #mustEnd(one: Process, what: string, withinMs: number, work: () => Promise<void>): void {
    let ended = false;
    const look = (): void => {
      if (!ended && one.host.alive) this.#fail(`${what} has not ended`);
    };
    this.world.after(withinMs, look);
    work()
      .catch((error: unknown) => this.world.say(`${what} failed: ${String(error)}`))
      .finally(() => (ended = true));
  }

  /** A client that goes on where it was, on one process after another: each event once, in order. */
  async #followEvents(): Promise<void> {
    const { world } = this;
    for (;;) {
      await world.sleep(world.between(50, 1000, 'events'));
      const one = this.#processes[Math.floor(world.random('events') * this.#processes.length)];
      if (one === undefined) continue;
      const after = this.#seenEvents.length;
      const page = await Promise.race([
        world.on(one.host, () => one.events.news(after, () => USER_IDS, 50)).catch(() => null),
        world.sleep(3000).then(() => null),
      ]);
      for (const { eventId, platformId } of page?.events ?? []) {
        if (eventId !== this.#seenEvents.length + 1)
          this.#fail(`event ${eventId} comes after ${this.#seenEvents.length}`);
        this.#seenEvents.push(platformId);
        // Whoever reads after an event sees its change.
        const version = this.#seenEvents.filter((id) => id === platformId).length;
        this.#acknowledge({ [platformId]: version });
      }
    }
  }

  /** Once it is quiet, cache and database say the same, on every process, and every change was told. */
  async #judgeRest(): Promise<void> {
    const { world } = this;
    const rows = [...this.#postgres.rows.values()];
    for (const one of this.#processes) {
      for (const [userId, ids] of USER_IDS.flatMap((id) => [
        [id, platformsOf(id)] as const,
        ...platformsOf(id).map((of) => [null, [of]] as const),
      ])) {
        const truth = JSON.stringify(
          Object.fromEntries(ids.map((id) => [id, this.#postgres.versions.get(id) ?? 0])),
        );
        await world.on(one.host, () => one.read(ids, userId));
        const { outcome, versions } = await world.on(one.host, () => one.read(ids, userId));
        if (JSON.stringify(versions) !== truth || outcome !== 'hit')
          this.#fail(
            `at rest, a second read shows ${JSON.stringify(versions)} (${outcome}), and the database has ${truth}`,
          );
      }
      if (one.audit.inconsistencies > 0) this.#fail('the self-audit found an inconsistency');
    }
    const pending = rows.filter(({ drainedAt }) => drainedAt === null).length;
    if (pending > 0) this.#fail(`at rest, ${pending} changes are pending`);
    this.#isJudged = true;
    if (rows.length !== this.#seenEvents.length)
      this.#fail(`at rest, ${this.#seenEvents.length} events have been told of ${rows.length} changes`);
  }
}

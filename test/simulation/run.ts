import { Clients, LOOK_EVERY_MS, USER_IDS } from './clients.js';
import { Process, platformsOf } from './deployment.js';
import { Faults } from './faults.js';
import { type Action, BUSY_MS, isFault } from './plan.js';
import { SimulatedPostgres } from './simulated-postgres.js';
import { SimulatedRedis } from './simulated-redis.js';
import { stateOf } from './states.js';
import { World } from './world.js';

const PROCESSES = 3;
/** How long it is quiet, until everything is well. */
const QUIET_MS = 8000;
/** Until the last fault has begun; what it has broken is mended then. */
const LAST_FAULT_MS = 1000;
/** After everything has been mended, cached values are read again within this time. */
const MAX_RECOVERY_MS = 3000;
/** What is wrong after a fault is wrong for moments: so often everything is read, on every process. */
const LOOKS = 60;
/** Of docs/cache-protocol.md: a process that was killed keeps others from filling an entry for so long. */
const MAX_LEASE_MS = 5000;

export interface Violation {
  readonly property: string;
  readonly timeline: readonly string[];
}

export interface Outcome {
  readonly violation: Violation | null;
  readonly virtualMs: number;
  /** Of these, what was leapt over because nothing happened. */
  readonly leaptMs: number;
  readonly events: number;
  readonly outcomes: Readonly<Record<string, number>>;
}

/**
 * @param states is given the states in which the deployment was.
 * @param isTold whether a violation comes with its timeline.
 */
export async function simulate(
  seed: number,
  plan: readonly Action[],
  states: { add(state: number): unknown },
  isTold: boolean,
): Promise<Outcome> {
  const world = new World(seed, isTold);
  const run = new Run(world, states);
  await run.go(plan);
  const { violation, outcomes } = run.clients;
  return {
    violation: violation === null ? null : { property: violation, timeline: world.timeline },
    virtualMs: world.now,
    leaptMs: world.leaptMs,
    events: world.events,
    outcomes,
  };
}

class Run {
  readonly clients: Clients;
  readonly #faults: Faults;
  readonly #redis: SimulatedRedis;
  readonly #postgres: SimulatedPostgres;
  readonly #processes: Process[] = [];
  /** CACHE_NEEDS_DATABASE, in half of the runs. */
  readonly #needsDatabase: boolean;
  #started = 0;
  #busy = true;
  #seen = -1;

  constructor(
    private readonly world: World,
    private readonly states: { add(state: number): unknown },
  ) {
    this.#redis = new SimulatedRedis(() => world.now);
    this.#postgres = new SimulatedPostgres(world);
    this.#needsDatabase = world.seed % 2 === 1;
    this.clients = new Clients(world, this.#processes, this.#needsDatabase);
    this.#faults = new Faults(
      world,
      this.#redis,
      this.#postgres,
      this.#processes,
      this.clients,
      () => this.#startProcess(),
      this.#needsDatabase,
    );
  }

  /** What happens before it is quiet, rest, the quiet, what happens after it, and rest. */
  async go(plan: readonly Action[]): Promise<void> {
    const { world } = this;
    world.onEvent = () => this.#note();
    // Not now: the clock is that of the world only while it runs.
    for (let index = 0; index < PROCESSES; index++) world.after(0, () => this.#startProcess());
    world.after(0, () => void this.clients.followEvents());
    this.#copyNowAndThen();
    const quiet = plan.find(({ kind }) => kind === 'it is quiet');
    const quietAt = quiet?.at ?? BUSY_MS;
    await this.#pass(1000);
    await this.#work(
      plan.filter(({ at }) => at <= quietAt),
      0,
      quietAt,
    );
    if (quiet === undefined) return;
    await this.#leap(quiet.forMs);
    await this.#work(
      plan.filter(({ at }) => at > quietAt),
      quietAt,
      BUSY_MS,
    );
  }

  async #work(actions: readonly Action[], from: number, until: number): Promise<void> {
    if (this.clients.violation !== null) return;
    const { world, clients } = this;
    this.#busy = true;
    for (const action of actions) {
      world.after(action.at - from, () => this.#act(action));
      // From before, so that reads are under way when it comes.
      if (isFault(action.kind))
        world.after(action.at - from - LOOK_EVERY_MS / 2, () => clients.lookAround(LOOKS));
    }
    await this.#pass(until - from + LAST_FAULT_MS);
    this.#mendAll();
    const running = this.#processes.filter(({ host }) => host.frozenUntil < world.now);
    // Not after the world has stopped: the clock would be the real one.
    world.after(MAX_RECOVERY_MS, () => {
      for (const one of running)
        if (!world.on(one.host, () => one.trusts))
          clients.fail(`${one.name} does not read cached values ${MAX_RECOVERY_MS} ms after all is well`);
    });
    await this.#pass(QUIET_MS);
    let isJudged = false;
    world.after(0, () => void this.#judgeRest().then(() => (isJudged = true)));
    await this.#pass(QUIET_MS);
    if (this.clients.violation === null && !isJudged) this.clients.fail('at rest, a read has not ended');
  }

  #pass(ms: number): Promise<void> {
    return this.world.run(this.world.now + ms, () => this.clients.violation !== null);
  }

  /** When nothing is on its way. The polls of so long a time would find nothing. */
  async #leap(ms: number): Promise<void> {
    while (this.clients.violation === null && this.#processes.some((one) => one.isTalking))
      await this.#pass(1);
    this.world.leap(ms);
    this.world.say(`${(ms / 3_600_000).toFixed(2)} hours pass`);
  }

  #startProcess(): void {
    const one = new Process(
      this.world,
      this.#redis,
      this.#postgres,
      `p${++this.#started}`,
      this.#needsDatabase,
    );
    this.#processes.push(one);
    this.world.on(one.host, () => void one.start());
  }

  #note(): void {
    const seen = this.#redis.commands + this.#postgres.statements;
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.states.add(stateOf(this.#redis, this.#postgres, this.#processes, USER_IDS));
  }

  #copyNowAndThen(): void {
    if (this.#busy) this.#redis.copy();
    for (const [key, { expiresAt }] of this.#redis.data)
      if (key.startsWith('lease:') && expiresAt > this.world.now + MAX_LEASE_MS)
        this.clients.fail(`${key} lasts too long`);
    this.world.after(this.world.between(50, 800, 'copies'), () => this.#copyNowAndThen());
  }

  #act(action: Action): void {
    const { kind, who, which } = action;
    const { world, clients } = this;
    const one = this.#processes[Math.floor(who * this.#processes.length)];
    if (one === undefined) return;
    const userId = USER_IDS[Math.floor(which * USER_IDS.length)] ?? 1;
    const platforms = platformsOf(userId);
    const platformId = platforms[Math.floor((which * 1000) % platforms.length)] ?? 0;
    if (isFault(kind)) return this.#faults.strike(kind, action, one, userId);
    switch (kind) {
      case 'read a list':
        return world.on(one.host, () => clients.read(one, userId, platforms));
      case 'read one':
        return world.on(one.host, () => clients.read(one, null, [platformId]));
      case 'warm':
        return world.on(one.host, () => clients.warm(one));
      case 'write':
        return world.on(one.host, () => clients.write(one, userId, platformId));
      case 'sql':
        return this.#faults.sql(userId, 1);
      case 'it is quiet':
    }
  }

  #mendAll(): void {
    this.#busy = false;
    this.#redis.refusesWrites = false;
    this.#postgres.unlock();
    for (const { toRedis, toPostgres } of this.#processes) {
      toRedis.mend();
      toPostgres.mend();
    }
    this.world.say('everything is well again');
  }

  /** Events are in the order of the changes, or in that of their commits: SQL by hand takes no lock. */
  #judgeOrder(userId: number): void {
    const committed = [...this.#postgres.rows.values()].filter((row) => row.userId === userId);
    const told = committed
      .map(({ id, eventId }, commit) => ({ id, eventId: eventId ?? 0, commit }))
      .sort((a, b) => a.eventId - b.eventId);
    for (const [index, { id, eventId, commit }] of told.entries()) {
      const before = told[index - 1];
      if (before !== undefined && before.id > id && before.commit > commit)
        this.clients.fail(`event ${eventId} was overtaken`);
    }
  }

  /** Once it is quiet, cache and database say the same, on every process, and every change was told. */
  async #judgeRest(): Promise<void> {
    const { world, clients } = this;
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
          clients.fail(
            `at rest, a second read shows ${JSON.stringify(versions)} (${outcome}), and the database has ${truth}`,
          );
      }
      if (one.audit.inconsistencies > 0) clients.fail('the self-audit found an inconsistency');
    }
    for (const userId of USER_IDS) this.#judgeOrder(userId);
    const pending = [...this.#postgres.rows.values()].filter(({ drainedAt }) => drainedAt === null).length;
    if (pending > 0) clients.fail(`at rest, ${pending} changes are pending`);
    const changes = [...this.#postgres.versions.values()].reduce((a, b) => a + b, 0);
    if (changes !== clients.lastEventId)
      clients.fail(`at rest, ${clients.lastEventId} events have been told of ${changes} changes`);
  }
}

import { type Clients, USER_IDS } from './clients.js';
import { type Process, platformsOf } from './deployment.js';
import type { Action, FaultKind } from './plan.js';
import type { SimulatedPostgres } from './simulated-postgres.js';
import type { SimulatedRedis } from './simulated-redis.js';
import type { World } from './world.js';

const MAX_FREEZE_MS = 6000;
/** Without CACHE_NEEDS_DATABASE: shorter than what limit 2 of docs/cache-protocol.md speaks of. */
const SHORT_FREEZE_MS = 1500;
/** Until a recovery has ended that was disturbed. */
const LOOKS_AT_RECOVERY = 120;
/** Of Invalidation: how long a writer waits for a peer. */
const WRITER_WAIT_MS = 2000;
/** After a loss of the connection: RedisHealth. */
const PROBE_MS = 200;
/** Longer than the first attempts to recover. */
const RESTART_MS = 1500;

/** What happens to processes, servers and the networks between them. */
export class Faults {
  constructor(
    private readonly world: World,
    private readonly redis: SimulatedRedis,
    private readonly postgres: SimulatedPostgres,
    private readonly processes: Process[],
    private readonly clients: Clients,
    private readonly startProcess: () => void,
    /** Otherwise a process that does not reach the database may read what is too old: docs/cache-protocol.md#limits. */
    private readonly needsDatabase: boolean,
  ) {}

  strike(kind: FaultKind, { which, forMs }: Action, one: Process, userId: number): void {
    const { world } = this;
    const say = (what: string): void => world.on(one.host, () => world.say(what));
    switch (kind) {
      case 'redis restarts empty':
      case 'redis restarts with an older state':
        world.say(kind);
        return this.#restart(kind === 'redis restarts empty' ? 'nothing' : 'copy', which);
      case 'redis fails over':
        return this.#failOver(which, userId);
      case 'redis is flushed':
        world.say(kind);
        return this.redis.data.clear();
      case 'redis evicts':
        return world.say(`redis evicts ${this.redis.evict(which) ?? 'nothing'}`);
      case 'redis refuses writes':
        return this.#refuseWrites(one, userId, forMs + (world.random('refusals') < 0.5 ? WRITER_WAIT_MS : 0));
      case 'redis is slow':
        say(`redis is slow for ${forMs} ms`);
        return this.#slowRedis([one], 20 + which * 200, forMs);
      case 'redis is slow for all':
        world.say(`${kind} for ${forMs} ms`);
        return this.#slowRedis(this.processes, 20 + which * 60, forMs);
      case 'redis is cut off':
        say(`cut off from redis for ${forMs} ms`);
        return this.#cutOff([one], forMs);
      case 'redis is cut off for all':
        world.say(`${kind} for ${forMs} ms`);
        return this.#cutOff(this.processes, forMs);
      case 'redis connection is reset':
        say(kind);
        return one.toRedis.reset('reset by peer');
      case 'postgres connections are killed':
        say(kind);
        return one.toPostgres.reset('terminated by an administrator');
      case 'postgres is slow':
        say(`postgres is slow for ${forMs} ms`);
        one.toPostgres.slowMs = 10 + which * (this.needsDatabase ? 500 : 50);
        return void world.after(forMs, () => one.toPostgres.mend());
      case 'much is changed by SQL':
        return this.sql(userId, 5 + Math.floor(which * 60));
      case 'a writer is cut off from redis in a backlog':
        return this.#backlog(one, which, userId);
      case 'a change is locked by hand':
        return this.#lockChange(one, userId, forMs);
      case 'a writer is alone with the database':
        return this.needsDatabase ? this.#leaveAlone(one, which, userId) : undefined;
      case 'process is killed':
        return this.#kill(one, forMs);
      case 'process is frozen': {
        const ms = Math.min(forMs, this.needsDatabase ? MAX_FREEZE_MS : SHORT_FREEZE_MS);
        say(`is frozen for ${ms} ms`);
        return this.#freeze(one, ms);
      }
    }
  }

  /** Each change in a transaction of its own, to the connections of one user after another. */
  sql(userId: number, count: number, users: number = USER_IDS.length): void {
    this.world.say(`SQL by hand changes ${count} times, from user ${userId} on`);
    for (let index = 0; index < count; index++) {
      const by = this.postgres.begin();
      const user = 1 + ((userId - 1 + (index % users)) % USER_IDS.length);
      const ids = platformsOf(user);
      this.postgres.change(user, ids[(index >> 1) % ids.length] ?? 0, by);
      by.commit();
    }
  }

  #restart(from: 'nothing' | 'copy', which: number): void {
    this.redis.restart(from, which);
    for (const { toRedis } of this.processes) toRedis.reset('the server has gone');
  }

  /**
   * To a replica that lacks the last drops, of writes that were acknowledged and of which others may not have heard.
   * Sometimes the recovery that follows is disturbed, or the client goes over to the replica by itself, or the writer ends
   * too, and nobody else knows what it has dropped.
   */
  #failOver(which: number, userId: number): void {
    const { world } = this;
    const draw = (name: string): number => world.random(`failover ${name}`);
    const others = [...this.processes];
    const lagMs = 15 + draw('lag') * 250;
    const follows = draw('kind') < 0.3;
    const only = draw('writers') < 0.5 ? others[Math.floor(draw('writer') * others.length)] : undefined;
    const endsToo = draw('ends too') < 0.5;
    this.clients.lookAround();
    world.after(10, () => this.redis.copy());
    for (let index = 0; index < 3; index++) {
      world.after(11 + draw('write') * lagMs * 0.8, () => {
        const one = only ?? others[Math.floor(draw('writer') * others.length)];
        if (one?.host.alive !== true) return;
        const ids = platformsOf(userId);
        world.on(one.host, () =>
          this.clients.write(one, userId, ids[Math.floor(which * 1000) % ids.length] ?? 0),
        );
      });
    }
    world.after(11 + lagMs, () => {
      world.say(`redis fails over${follows ? ', and connections stay' : ''}`);
      if (follows) this.redis.restart('copy', 1);
      else this.#restart('copy', 1);
      if (only !== undefined && endsToo) this.#kill(only, RESTART_MS);
      this.clients.lookAround(LOOKS_AT_RECOVERY, userId);
      const disturbance = draw('disturbance');
      // While a recovery drops the first of its keys, or at some time.
      const later = PROBE_MS + draw('disturbed at') * (draw('closely') < 0.5 ? 10 : 40);
      if (disturbance < 0.2)
        world.after(later, () => {
          for (const { toPostgres } of this.processes) toPostgres.reset('terminated by an administrator');
        });
      else if (disturbance < 0.3) this.postgres.cancelLookups(PROBE_MS + draw('cancelled') * 100);
      else if (disturbance < 0.45) world.after(later, () => this.#restart('copy', draw('again')));
      else if (disturbance < 0.6) this.sql(userId, 4 + Math.floor(draw('sql') * 30));
      else if (disturbance < 0.8) this.#slowRedis(this.processes, 25 + draw('slow') * 30, 400);
    });
  }

  /** Nobody can drop what is written, and everybody can read it. */
  #refuseWrites(one: Process, userId: number, forMs: number): void {
    const { world, redis } = this;
    this.clients.lookAround(2, userId);
    world.after(20, () => {
      world.say(`redis refuses writes for ${forMs} ms`);
      redis.refusesWrites = true;
      world.on(one.host, () => this.clients.write(one, userId, platformsOf(userId)[0] ?? 0));
    });
    world.after(20 + forMs, () => (redis.refusesWrites = false));
  }

  /** The writer cannot drop its keys, and nobody can claim its change. */
  #lockChange(one: Process, userId: number, forMs: number): void {
    const { world, postgres } = this;
    this.clients.lookAround(2, userId);
    world.after(20, () => {
      this.#cutOff([one], WRITER_WAIT_MS + forMs);
      world.on(one.host, () => this.clients.write(one, userId, platformsOf(userId)[0] ?? 0));
    });
    // Relays leave it to its writer for a tenth of a second.
    world.after(60, () => {
      world.say('a session locks what is pending');
      postgres.lockPending();
    });
    world.after(WRITER_WAIT_MS + forMs, () => postgres.unlock());
  }

  /**
   * More is pending than can be dropped while a writer waits for it, or more was dropped a moment ago than others hear of in that
   * time. It is of others: a drop that comes earlier would remove the writer's entries too.
   */
  #backlog(one: Process, which: number, userId: number): void {
    const { world } = this;
    const isDropped = world.random('backlog') < 0.5;
    const fromMs = isDropped ? 600 : 0;
    const slowMs = (isDropped ? 20 : 2) + which * 30;
    world.after(5, () => this.sql((userId % USER_IDS.length) + 1, 30 + Math.floor(which * 60), 2));
    world.after(fromMs, () => {
      world.say(`a backlog, with postgres ${slowMs.toFixed(0)} ms away`);
      this.clients.lookAround();
      this.#cutOff([one], 4000);
      for (const { toPostgres } of this.processes) {
        toPostgres.slowMs = slowMs;
        world.after(4000, () => toPostgres.mend());
      }
    });
    const ids = platformsOf(userId);
    const writesAtMs = fromMs + 8 + (isDropped ? world.random('backlog') * 1000 : 0);
    world.after(writesAtMs, () => world.on(one.host, () => this.clients.write(one, userId, ids[0] ?? 0)));
  }

  /** The others have the old entries, and are frozen until it has been acknowledged, or do not reach the database. */
  #leaveAlone(one: Process, which: number, userId: number): void {
    const { world } = this;
    const ms = 1800 + which * 2000;
    this.clients.lookAround();
    this.#cutOff([one], 4000);
    for (const other of this.processes.filter((of) => of !== one)) {
      world.after(10, () => {
        if (world.random('alone') < 0.5) return this.#freeze(other, ms);
        other.toPostgres.cut = true;
        world.after(ms + 1000, () => other.toPostgres.mend());
      });
      // Requests that it finds when it wakes up.
      for (let at = 0; at < 600; at += 20) world.after(ms - 100 + at, () => this.clients.lookAround());
    }
    const ids = platformsOf(userId);
    world.after(12, () => world.on(one.host, () => this.clients.write(one, userId, ids[0] ?? 0)));
  }

  #freeze({ host }: Process, ms: number): void {
    const until = Math.max(host.frozenUntil, this.world.now + ms);
    host.frozenMs += until - Math.max(host.frozenUntil, this.world.now);
    host.frozenUntil = until;
  }

  #slowRedis(processes: readonly Process[], slowMs: number, forMs: number): void {
    for (const { toRedis } of processes) {
      toRedis.slowMs = slowMs;
      this.world.after(forMs, () => toRedis.mend());
    }
  }

  #cutOff(processes: readonly Process[], forMs: number): void {
    for (const { toRedis } of processes) {
      toRedis.cut = true;
      this.world.after(forMs, () => toRedis.mend());
    }
  }

  #kill(one: Process, forMs: number): void {
    if (!one.host.alive) return;
    this.world.on(one.host, () => this.world.say('is killed'));
    one.host.alive = false;
    this.processes.splice(this.processes.indexOf(one), 1);
    one.toRedis.reset('gone');
    one.toPostgres.reset('gone');
    this.world.after(forMs, () => this.startProcess());
  }
}

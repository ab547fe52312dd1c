import { setTimeout as sleep } from 'node:timers/promises';
import { isDatabaseUnavailable } from '../../../src/database/database-errors.js';
import type { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import type { Fleet } from './fleet.js';
import type { Answer, Request } from './http.js';
import type { Random } from './random.js';
import { type Shown, type State, idOf, isActive, partOf, partsOf, stateOf } from './state.js';
import { UserHistory } from './user-history.js';

const MAX_PLATFORMS = 4;
/** As PlatformWriter takes it with the user's id. */
const USER_PLATFORMS_LOCK = 0x504c4154;
/** Half of what Retry-After says. Who came back at once would use the operations up while the database is away. */
const REFUSED_PAUSE_MS = 500;

interface UserWork {
  readonly id: number;
  readonly token: string;
  readonly history: UserHistory;
  /** Parts of the last known state. */
  platforms: readonly string[];
  names: number;
}

export interface Counts {
  reads: number;
  hits: number;
  writes: number;
  refusedReads: number;
  refusedWrites: number;
  /** Cut off by the end of the process that was asked. */
  unanswered: number;
}

interface Moment {
  readonly remaining: number;
  readonly resolve: () => void;
}

/** Random reads and writes of a few users over several processes, with every answer checked against the history. */
export class Workload {
  readonly counts: Counts = {
    reads: 0,
    hits: 0,
    writes: 0,
    refusedReads: 0,
    refusedWrites: 0,
    unanswered: 0,
  };
  readonly #users: UserWork[] = [];
  #remaining: number;
  #moments: Moment[] = [];

  constructor(
    private readonly random: Random,
    private readonly backends: Backends,
    private readonly fleet: Fleet,
    operations: number,
    private readonly readers: number,
    private readonly restMs: () => number,
  ) {
    this.#remaining = operations;
  }

  addUser(id: number, token: string, state: State): void {
    const history = new UserHistory(id, state);
    this.#users.push({ id, token, history, platforms: partsOf(state), names: 0 });
  }

  get histories(): readonly UserHistory[] {
    return this.#users.map(({ history }) => history);
  }

  /** How many send at the same time: one writer a user, and readers that read everybody. */
  get clients(): number {
    return this.#users.length + this.readers;
  }

  /** Ends when the operations are used up. */
  async run(): Promise<void> {
    await Promise.all([
      ...this.#users.map((user) => this.#writer(user)),
      ...Array.from({ length: this.readers }, () => this.#reader()),
    ]);
  }

  /** Resolves when so many more operations have begun, or all. */
  async after(operations: number): Promise<void> {
    if (this.#remaining === 0) return;
    const remaining = Math.max(0, this.#remaining - operations);
    await new Promise<void>((resolve) => this.#moments.push({ remaining, resolve }));
  }

  async #takeOne(): Promise<boolean> {
    const restMs = this.restMs();
    if (restMs > 0) await sleep(restMs);
    if (this.#remaining === 0) return false;
    this.#remaining--;
    const come = this.#moments.filter(({ remaining }) => remaining >= this.#remaining);
    if (come.length > 0) {
      this.#moments = this.#moments.filter((moment) => !come.includes(moment));
      for (const { resolve } of come) resolve();
    }
    return true;
  }

  async #reader(): Promise<void> {
    while (await this.#takeOne()) await this.#read(this.random.pick(this.#users));
  }

  async #writer(user: UserWork): Promise<void> {
    while (await this.#takeOne()) {
      await this.#write(user);
      // Its own write must be visible at once, whichever process is asked.
      for (let reads = this.random.between(1, 12); reads > 0 && (await this.#takeOne()); reads--) {
        await this.#read(user);
      }
    }
  }

  async #read(user: UserWork): Promise<void> {
    this.counts.reads++;
    const member = this.fleet.pick(this.random, this.clients);
    const through = `through ${member.api.baseUrl}`;
    const { token, history } = user;
    const dice = this.random.next();
    const part = dice < 0.3 && user.platforms.length > 0 ? this.random.pick(user.platforms) : null;
    if (part !== null) {
      const id = idOf(part);
      const ended = history.oneBegins(`platform ${id} ${through}`, id);
      const answer = await member.send({ path: `/v1/platforms/${id}`, token });
      if (await this.#answered(answer)) ended(shownBy(answer));
    } else if (dice > 0.8) {
      const ended = history.defaultBegins(`the default ${through}`);
      const answer = await member.send({ path: '/v1/platforms/default', token });
      if (await this.#answered(answer)) ended(shownBy(answer));
    } else {
      const ended = history.listBegins(`a list ${through}`);
      const answer = await member.send({ path: '/v1/platforms', token });
      if (await this.#answered(answer)) ended(stateOf(JSON.parse(answer.body) as Shown[]));
    }
  }

  /** A refusal is no answer that could be old. */
  async #answered({ status, cacheStatus, body }: Answer): Promise<boolean> {
    if (status === 0) this.counts.unanswered++;
    else if (status === 503) this.counts.refusedReads++;
    else if (status !== 200 && status !== 404) throw new Error(`A read was answered with ${status}: ${body}`);
    if (cacheStatus === 'platform-manager; hit') this.counts.hits++;
    if (status === 503) await sleep(REFUSED_PAUSE_MS);
    return status === 200 || status === 404;
  }

  async #write(user: UserWork): Promise<void> {
    this.counts.writes++;
    const request = this.#chooseWrite(user);
    user.history.writeBegins();
    const { status, body } = await this.fleet.pick(this.random, this.clients).send(request);
    if (status >= 400 && status !== 503)
      throw new Error(`${request.method} ${request.path} was answered with ${status}: ${body}`);
    if (status === 0) this.counts.unanswered++;
    else if (status === 503) this.counts.refusedWrites++;
    const acknowledged = status !== 0 && status < 400;
    if (!acknowledged) await this.#decided(user);
    const state = await readState(this.backends, user.id);
    user.platforms = partsOf(state);
    user.history.writeEnded(state, acknowledged);
  }

  /**
   * Returns when PostgreSQL is no longer at it: a commit that was sent goes on without the process that sent it. Until it
   * is done it holds the user's lock; whatever else was under way is rolled back.
   */
  async #decided({ id }: UserWork): Promise<void> {
    await rowsInTheEnd(this.backends, 'SELECT pg_advisory_xact_lock($1, $2)', [USER_PLATFORMS_LOCK, id]);
  }

  #chooseWrite(user: UserWork): Request {
    const { token } = user;
    const dice = this.random.next();
    if (user.platforms.length === 0 || (dice < 0.2 && user.platforms.length < MAX_PLATFORMS)) {
      const body = {
        name: `made ${user.names++}`,
        platformType: 'mastodon',
        instanceUrl: 'https://mastodon.example',
        accessToken: this.backends.secrets.make('access-token'),
      };
      return { method: 'POST', path: '/v1/platforms', token, body };
    }
    const part = this.random.pick(user.platforms);
    const path = `/v1/platforms/${idOf(part)}`;
    if (dice < 0.35) return { method: 'DELETE', path, token };
    if (dice < 0.5 && isActive(part)) return { method: 'PUT', path: `${path}/default`, token };
    if (dice < 0.65) return { method: 'PATCH', path, token, body: { isActive: !isActive(part) } };
    return { method: 'PATCH', path, token, body: { name: `renamed ${user.names++}` } };
  }
}

/** The one connection of an answer; empty when it says that there is none. */
export function shownBy({ status, body }: Answer): string {
  return status === 404 ? '' : partOf(JSON.parse(body) as Shown);
}

/** The truth, from the database. */
export async function readState(backends: Backends, userId: number): Promise<State> {
  return stateOf(
    await rowsInTheEnd<Shown>(
      backends,
      `SELECT id, version, is_default AS "isDefault", is_active AS "isActive" FROM platform_connections
       WHERE user_id = $1`,
      [userId],
    ),
  );
}

/** Waits for a database that is away; any other error is passed on. */
async function rowsInTheEnd<T>(backends: Backends, text: string, values: unknown[]): Promise<T[]> {
  return waitUntil(
    async () => {
      try {
        return await backends.rows<T>(text, values);
      } catch (error) {
        if (isDatabaseUnavailable(error)) return null;
        throw error;
      }
    },
    { timeoutMs: 60_000, what: 'the database to answer', intervalMs: 50 },
  );
}

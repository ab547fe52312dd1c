import type { Backends } from '../../support/backends.js';
import { send } from './http.js';
import type { Random } from './random.js';
import { type State, UserHistory } from './user-history.js';

const MAX_PLATFORMS = 4;

interface Shown {
  readonly id: number;
  readonly version: number;
  readonly isDefault: boolean;
}

interface UserWork {
  readonly id: number;
  readonly token: string;
  readonly history: UserHistory;
  /** Of the last known state. */
  platforms: readonly number[];
  names: number;
}

export interface Counts {
  reads: number;
  hits: number;
  writes: number;
  refusedReads: number;
  refusedWrites: number;
}

/** Random reads and writes of a few users over several processes, with every answer checked against the history. */
export class Workload {
  readonly counts: Counts = { reads: 0, hits: 0, writes: 0, refusedReads: 0, refusedWrites: 0 };
  readonly #users: UserWork[] = [];
  #remaining: number;

  constructor(
    private readonly random: Random,
    private readonly backends: Backends,
    private readonly baseUrls: readonly string[],
    operations: number,
  ) {
    this.#remaining = operations;
  }

  addUser(id: number, token: string, state: State): void {
    this.#users.push({ id, token, history: new UserHistory(id, state), platforms: idsOf(state), names: 0 });
  }

  get histories(): readonly UserHistory[] {
    return this.#users.map(({ history }) => history);
  }

  /** One writer a user, and `readers` that read everybody. Ends when the operations are used up. */
  async run(readers: number): Promise<void> {
    await Promise.all([
      ...this.#users.map((user) => this.#writer(user)),
      ...Array.from({ length: readers }, () => this.#reader()),
    ]);
  }

  async #reader(): Promise<void> {
    while (this.#remaining-- > 0) await this.#read(this.random.pick(this.#users));
  }

  async #writer(user: UserWork): Promise<void> {
    while (this.#remaining-- > 0) {
      await this.#write(user);
      // Its own write must be visible at once, whichever process is asked.
      for (let reads = this.random.between(1, 12); reads > 0 && this.#remaining-- > 0; reads--) {
        await this.#read(user);
      }
    }
  }

  async #read(user: UserWork): Promise<void> {
    this.counts.reads++;
    const baseUrl = this.random.pick(this.baseUrls);
    const single = this.random.next() < 0.3 ? this.random.pick([0, ...user.platforms]) : 0;
    if (single === 0) return this.#readList(user, baseUrl);
    return this.#readOne(user, baseUrl, single);
  }

  async #readList(user: UserWork, baseUrl: string): Promise<void> {
    const ended = user.history.readBegins(`a list through ${baseUrl}`);
    const answer = await send(`${baseUrl}/v1/platforms`, { token: user.token });
    if (!this.#answered(answer.status, answer.cacheStatus)) return;
    ended(stateOf(JSON.parse(answer.body) as Shown[]));
  }

  /** One connection is a part of the state; whether it fits is asked of the whole by looking it up there. */
  async #readOne(user: UserWork, baseUrl: string, id: number): Promise<void> {
    const ended = user.history.readPartBegins(`platform ${id} through ${baseUrl}`, id);
    const answer = await send(`${baseUrl}/v1/platforms/${id}`, { token: user.token });
    if (answer.status === 404) return ended(null);
    if (!this.#answered(answer.status, answer.cacheStatus)) return;
    ended(partOf(JSON.parse(answer.body) as Shown));
  }

  #answered(status: number, cacheStatus: string): boolean {
    if (status === 503) {
      this.counts.refusedReads++;
      return false;
    }
    if (status !== 200) throw new Error(`A read was answered with ${status}`);
    if (cacheStatus === 'platform-manager; hit') this.counts.hits++;
    return true;
  }

  async #write(user: UserWork): Promise<void> {
    this.counts.writes++;
    const { method, path, body } = this.#chooseWrite(user);
    user.history.writeBegins();
    const answer = await send(`${this.random.pick(this.baseUrls)}/v1/platforms${path}`, {
      method,
      token: user.token,
      body,
    });
    if (answer.status >= 500) this.counts.refusedWrites++;
    else if (answer.status >= 400)
      throw new Error(`${method} ${path} was answered with ${answer.status}: ${answer.body}`);
    const state = await readState(this.backends, user.id);
    user.platforms = idsOf(state);
    user.history.writeEnded(state, answer.status < 400);
  }

  #chooseWrite(user: UserWork): { method: string; path: string; body?: unknown } {
    const dice = this.random.next();
    if (user.platforms.length === 0 || (dice < 0.2 && user.platforms.length < MAX_PLATFORMS)) {
      const body = {
        name: `made ${user.names++}`,
        platformType: 'mastodon',
        instanceUrl: 'https://mastodon.example',
        accessToken: this.backends.secrets.make('access-token'),
      };
      return { method: 'POST', path: '', body };
    }
    const id = this.random.pick(user.platforms);
    if (dice < 0.35) return { method: 'DELETE', path: `/${id}` };
    if (dice < 0.55) return { method: 'PUT', path: `/${id}/default` };
    return { method: 'PATCH', path: `/${id}`, body: { name: `renamed ${user.names++}` } };
  }
}

/** The truth, from the database. */
export async function readState(backends: Backends, userId: number): Promise<State> {
  return stateOf(
    await backends.rows<Shown>(
      'SELECT id, version, is_default AS "isDefault" FROM platform_connections WHERE user_id = $1 AND is_active',
      [userId],
    ),
  );
}

export function stateOf(platforms: readonly Shown[]): State {
  return [...platforms]
    .sort((a, b) => a.id - b.id)
    .map(partOf)
    .join(' ');
}

export function partOf({ id, version, isDefault }: Shown): string {
  return `${id}v${version}${isDefault ? '*' : ''}`;
}

function idsOf(state: State): number[] {
  return state === '' ? [] : state.split(' ').map((part) => Number.parseInt(part, 10));
}

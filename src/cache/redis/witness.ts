import { randomUUID } from 'node:crypto';
import { ErrorReply } from '@redis/client';
import type { SingleClient } from './redis-client.js';
import { identityOf } from './redis-topology.js';

/** Long enough for a process that was stalled. An expired witness costs one replay of invalidations. */
const LIFE_MS = 600_000;

/**
 * Tells whether one server is still the one that it was when the connection was made, also when the server does not say
 * (see `identityOf`).
 *
 * A value in Redis cannot prove that by itself: a server that loads its RDB or AOF file has the value again, without the
 * last drops. So every new connection counts as another server, and the changes of the longest TTL are dropped again. A
 * proxy may keep our connection over a restart of the server behind it. For that there is the witness, a key of this
 * process whose value changes with every check: a server that went back to an older state has an older value, or none.
 */
export class Witness {
  readonly #connectionId = randomUUID();
  #kept: string | null = null;
  #needed = false;

  constructor(
    private readonly client: SingleClient,
    /** Of this process alone. */
    private readonly key: string,
  ) {}

  /** Differs after every restart or failover. @throws when the server does not answer, or refuses the witness. */
  async identity(): Promise<string> {
    const told = await identityOf(this.client);
    if (told !== null) return told;
    this.#needed = true;
    await this.verify();
    return this.#connectionId;
  }

  /** @throws when the server does not answer, or does not have the last value of the witness. */
  async verify(): Promise<void> {
    await this.client.ping();
    if (!this.#needed) return;
    const expected = this.#kept;
    const next = randomUUID();
    // Before the replies: another check may be sent before they arrive, and it will find this value.
    this.#kept = next;
    const get = this.client.get(this.key);
    const set = this.client
      .set(this.key, next, { expiration: { type: 'PX', value: LIFE_MS } })
      .catch((error: unknown) => {
        // A server that is full is no reason not to read from it.
        if (!(error instanceof ErrorReply && error.message.startsWith('OOM'))) throw error;
        this.#kept = expected;
      });
    const [found] = await Promise.all([get, set]);
    if (expected !== null && found !== expected)
      throw new Error('Redis does not have what was last written: it was restarted, flushed or replaced');
  }
}

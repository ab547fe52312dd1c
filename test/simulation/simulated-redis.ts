import { ErrorReply } from '@redis/client';
import type { RedisClient, SingleClient } from '../../src/cache/redis/redis-client.js';
import type { RedisTopology } from '../../src/cache/redis/redis-topology.js';
import { Connection, type Network } from './link.js';
import { Host, type World } from './world.js';

export interface Stored {
  readonly value: string;
  readonly expiresAt: number;
}

/** What the commands and scripts of redis-client.ts mean, on one server. simulated-redis.spec.ts holds it against a real one. */
export class SimulatedRedis {
  readonly host = new Host('redis');
  data = new Map<string, Stored>();
  /** How often something may have changed. */
  commands = 0;
  /** A master that has lost its replicas (min-replicas-to-write) still answers reads. */
  refusesWrites = false;
  #run = 1;
  #copies: { readonly at: number; readonly data: Map<string, Stored> }[] = [];

  constructor(private readonly now: () => number) {}

  get identity(): string {
    return `run ${this.#run}`;
  }

  /** Who answers a command. */
  answers(): string {
    this.commands++;
    return this.identity;
  }

  get(key: string): string | null {
    const stored = this.data.get(key);
    if (stored === undefined) return null;
    if (stored.expiresAt > this.now()) return stored.value;
    this.data.delete(key);
    return null;
  }

  set(key: string, value: string, ttlMs: number): void {
    this.#write();
    this.data.set(key, { value, expiresAt: this.now() + ttlMs });
  }

  setIfAbsent(key: string, value: string, ttlMs: number): 'OK' | null {
    this.#write();
    if (this.get(key) !== null) return null;
    this.set(key, value, ttlMs);
    return 'OK';
  }

  del(keys: readonly string[]): number {
    this.#write();
    return keys.filter((key) => this.get(key) !== null && this.data.delete(key)).length;
  }

  acquire(key: string, lease: string, token: string, leaseMs: number): [number, string?] {
    const raw = this.get(key);
    if (raw !== null && raw !== '') return [1, raw];
    return this.setIfAbsent(lease, token, leaseMs) === 'OK' ? [2] : [0];
  }

  storeLeased(key: string, lease: string, token: string, value: string, ttlMs: number): boolean {
    if (this.get(lease) !== token) return false;
    this.set(key, value, ttlMs);
    this.data.delete(lease);
    return true;
  }

  releaseLease(lease: string, token: string): void {
    if (this.get(lease) === token) this.del([lease]);
  }

  pTTL(key: string): number {
    return this.get(key) === null ? -2 : Math.ceil((this.data.get(key) as Stored).expiresAt - this.now());
  }

  /** What a replica, or a file on a disk, has of it. */
  copy(): void {
    this.#copies = [...this.#copies.slice(-9), { at: this.now(), data: new Map(this.data) }];
  }

  /**
   * Another server takes its place, or it starts again: with nothing, or with an older state.
   *
   * @param which copy, from 0 for the oldest to 1 for the last.
   */
  restart(from: 'nothing' | 'copy', which: number): void {
    this.#run++;
    const copy = this.#copies[Math.min(this.#copies.length - 1, Math.floor(which * this.#copies.length))];
    this.data = new Map(from === 'copy' ? copy?.data : []);
  }

  #write(): void {
    if (this.refusesWrites) throw new ErrorReply('NOREPLICAS Not enough good replicas to write.');
  }

  evict(which: number): string | null {
    const key = [...this.data.keys()][Math.floor(which * this.data.size)] ?? null;
    if (key !== null) this.data.delete(key);
    return key;
  }
}

type Commands = Pick<
  SingleClient,
  'acquire' | 'storeLeased' | 'releaseLease' | 'getRange' | 'set' | 'del' | 'pTTL'
>;

/**
 * One connection to it, as RedisConnection uses one. Like a Cluster's client, which follows a failover by itself, it may
 * go on with the next server, and learns of it with a reply.
 */
export class SimulatedTopology implements RedisTopology {
  readonly client: RedisClient;
  readonly #connection: Connection;
  #found: string | null = null;
  #answers: string | null = null;

  constructor(
    private readonly redis: SimulatedRedis,
    network: Network,
    onTrouble: (why: string) => void,
  ) {
    this.#connection = new Connection(network, onTrouble);
    const send = <T>(execute: () => T | Promise<T>): Promise<T> => this.#send(execute);
    const commands = {
      getRange: (key: string) => send(() => redis.get(key) ?? ''),
      set: (
        key: string,
        value: string,
        { condition, expiration }: { condition?: 'NX'; expiration: { value: number } },
      ) =>
        send(() => {
          if (condition === 'NX') return redis.setIfAbsent(key, value, expiration.value);
          redis.set(key, value, expiration.value);
          return 'OK';
        }),
      del: (keys: string[]) => send(() => redis.del(keys)),
      pTTL: (key: string) => send(() => redis.pTTL(key)),
      acquire: (key: string, lease: string, token: string, ms: number) =>
        send(() => redis.acquire(key, lease, token, ms)),
      storeLeased: (key: string, lease: string, token: string, value: string, ms: number) =>
        send(() => redis.storeLeased(key, lease, token, value, ms)),
      releaseLease: (lease: string, token: string) => send(() => redis.releaseLease(lease, token)),
      eval: () => send(() => Promise.reject(new ErrorReply('ERR not simulated'))),
      dbSize: () => send(() => redis.data.size),
    };
    this.client = commands as unknown as Commands & RedisClient;
  }

  async connect(): Promise<void> {
    await this.#send(() => undefined);
    this.#found = this.#answers;
  }

  identity(): Promise<string> {
    return this.#send(() => this.redis.identity);
  }

  async verify(): Promise<void> {
    await this.#send(() => undefined);
    const fault = this.faultAfter();
    if (fault !== null) throw new Error(fault);
  }

  faultAfter(): string | null {
    return this.#answers === this.#found ? null : 'another server answers';
  }

  async #send<T>(execute: () => T | Promise<T>): Promise<T> {
    const { value, by } = await this.#connection.send(async () => ({
      value: await execute(),
      by: this.redis.answers(),
    }));
    this.#answers = by;
    return value;
  }

  async masters(): Promise<[]> {
    return [];
  }

  destroy(): void {
    this.#connection.close();
  }
}

export function redisOf(world: World): SimulatedRedis {
  return new SimulatedRedis(() => world.now);
}

import { type Process, type Versions, platformsOf } from './deployment.js';
import type { SimulatedPostgres } from './simulated-postgres.js';
import type { SimulatedRedis, Stored } from './simulated-redis.js';

const versionsOf = new WeakMap<Stored, Versions>();

/**
 * A number for the state of the deployment, the same for the same state: of each entry, by how many versions it is behind
 * the database, and whether it is leased; of each user, how many changes are pending and how many untold; of each process,
 * whether it trusts the cache and reaches the servers, and how many replies it awaits. No times, and no version numbers,
 * which only grow.
 */
export function stateOf(
  redis: SimulatedRedis,
  postgres: SimulatedPostgres,
  processes: readonly Process[],
  userIds: readonly number[],
): number {
  const digest = new Digest();
  for (const userId of userIds) {
    const ids = platformsOf(userId);
    for (const key of [`list:${userId}`, ...ids.map((id) => `one:${id}`)]) {
      digest.add(behind(redis.data.get(key), postgres));
      digest.add(redis.get(`lease:{${key}}`) === null ? 0 : 1);
    }
  }
  for (const count of postgres.open(userIds)) digest.add(count);
  digest.add(redis.refusesWrites ? 1 : 0);
  for (const one of processes) digest.add(one.condition);
  return digest.value;
}

function behind(stored: Stored | undefined, postgres: SimulatedPostgres): number {
  if (stored === undefined) return 1000;
  let versions = versionsOf.get(stored);
  if (versions === undefined) {
    versions = JSON.parse(stored.value.slice(0, stored.value.indexOf('\n'))) as Versions;
    versionsOf.set(stored, versions);
  }
  let lag = 0;
  for (const id in versions) lag = lag * 32 + (postgres.versions.get(Number(id)) ?? 0) - (versions[id] ?? 0);
  return lag;
}

/** cyrb53, by bryc (public domain): 53 bits. */
class Digest {
  #high = 0xdeadbeef;
  #low = 0x41c6ce57;

  add(value: number): void {
    this.#high = Math.imul(this.#high ^ value, 2654435761);
    this.#low = Math.imul(this.#low ^ value, 1597334677);
    this.#high ^= this.#high >>> 15;
    this.#low ^= this.#low >>> 13;
  }

  get value(): number {
    const high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507) ^ (this.#low >>> 13);
    const low = Math.imul(this.#low ^ (this.#low >>> 16), 3266489909) ^ (this.#high >>> 13);
    return 4294967296 * (2097151 & low) + (high >>> 0);
  }
}

/**
 * Faults that the simulation has to find. Each replaces a text that stands once in a file.
 *
 * @typedef {{ readonly name: string, readonly file: string, readonly text: string, readonly by: string }} Patch
 */

const SERVICE = 'src/cache/cache.service.ts';
const STORE = 'src/cache/redis/redis-store.ts';
const HEALTH = 'src/cache/redis/redis-health.ts';
const RELAY = 'src/outbox/outbox-relay.ts';
const REPLAY = 'src/outbox/replay-drops.ts';
const ENTRIES = 'src/cache/sealed-entries.ts';
const INVALIDATION = 'src/outbox/invalidation.ts';
const WRITER = 'test/simulation/deployment.ts';
const POSTGRES = 'test/simulation/simulated-postgres.ts';

/** @type {(file: string) => (name: string, text: string, by: string) => Patch} */
const within = (file) => (name, text, by) => ({ name, file, text, by });

/** So that a run of seconds has several pages and batches. */
export const SMALL = [
  ['const BATCH = 500;', 'const BATCH = 3;'],
  ['const PORTION = 30;', 'const PORTION = 1;'],
  ['const NEWS_BATCH = 1000;', 'const NEWS_BATCH = 3;'],
]
  .map(([text, by]) => within(RELAY)('small', text, by))
  .concat(within(REPLAY)('small', 'const BATCH = 50_000;', 'const BATCH = 3;'))
  .concat(within(REPLAY)('small', 'const MOST_PAGES = 5;', 'const MOST_PAGES = 2;'))
  // A table of that size takes as long to make as a tenth of a run.
  .concat(within(ENTRIES)('small', 'MAX_OUTDATED = 100_000', 'MAX_OUTDATED = 1000'));

const service = within(SERVICE);
const store = within(STORE);
const health = within(HEALTH);
const relay = within(RELAY);
const invalidation = within(INVALIDATION);
const writer = within(WRITER);
const postgres = within(POSTGRES);
const breaker = within('src/cache/breaker.ts');
const refresh = within('src/cache/refresh-ahead.ts');

export const PLANTED = [
  // Reads
  within('src/cache/flights.ts')(
    'a caller joins the running flight',
    'if (flights.next !== null) return',
    'return { result: flights.running, shared: true };\n    if (flights.next !== null) return',
  ),
  service(
    'a reply from before an outage is believed',
    "if (epoch !== this.health.epoch) return this.loadOnly(spec, 'error', 'recovering', load);\n        const hit",
    'const hit',
  ),
  service(
    'a fill loads before it has the lease',
    "let outcome: 'miss' | 'corrupt' = 'miss';",
    "const early = await load();\n    load = async () => early;\n    let outcome: 'miss' | 'corrupt' = 'miss';",
  ),
  service(
    'the cache is read while it recovers',
    'const bypassReason = this.health.bypassReason;\n    if (bypassReason !== null) return',
    "const bypassReason = this.health.bypassReason;\n    if (bypassReason !== null && bypassReason !== 'recovering') return",
  ),
  service(
    'a value is stored without a lease',
    'return await this.store.store(key, token, entry);',
    'await this.store.set(key, entry.raw, entry.ttlMs); return true;',
  ),
  service(
    'a warm-up needs no lease',
    'if (await this.tryStore(key, token, { raw, ttlMs: ttlSeconds * 1000, readAtMs })) stored++;',
    'await this.store.set(key, raw, ttlSeconds * 1000);',
  ),
  service(
    'a warm-up loads first',
    'const token = leaseToken();\n    const leased',
    'const early = await load();\n    load = async () => early;\n    const token = leaseToken();\n    const leased',
  ),
  refresh(
    'a refresh stores without a lease',
    'await this.store.store(key, token, fresh);',
    'await this.store.set(key, fresh.raw, fresh.ttlMs);',
  ),
  refresh(
    'a refresh loads before it has the lease',
    'const token = leaseToken();',
    'const early = await load();\n    load = async () => early;\n    const token = leaseToken();',
  ),
  within('src/cache/lease.ts')('a lease lasts ten minutes', 'LEASE_MS = 5000', 'LEASE_MS = 600_000'),
  within('src/cache/deadline.ts')(
    'a call has no deadline',
    'else setImmediate(giveUp);',
    'else setImmediate(() => {});',
  ),
  service(
    'a reader waits for a lease without end',
    'const isLastTry = performance.now() > waitUntil;',
    'const isLastTry = performance.now() > waitUntil + 60_000;',
  ),

  // The store
  store('a drop leaves the lease', 'client.del([name, leaseKey(name)])', 'client.del([name])'),
  store('a drop leaves the entry', 'client.del([name, leaseKey(name)])', 'client.del([leaseKey(name)])'),
  store(
    'a drop forgets all keys but the first',
    'const names = keys.map((key) => this.prefix + key);\n    // Before',
    'const names = keys.slice(0, 1).map((key) => this.prefix + key);\n    // Before',
  ),
  store('a drop does not wait for the answer', 'await Promise.all(batch.map', 'void Promise.all(batch.map'),
  store(
    'a drop swallows its error',
    'client.del([name, leaseKey(name)]))));',
    'client.del([name, leaseKey(name)])).catch(() => 0)));',
  ),

  // Recovery
  breaker('an outage does not end the epoch', 'this.#epoch++;\n    this.#failures', 'this.#failures'),
  health(
    'another server is taken for the same',
    'identity !== this.#serverIdentity',
    'this.#serverIdentity === null',
  ),
  health(
    'a server is known before its recovery has ended',
    'const serverChanged = identity !== this.#serverIdentity;',
    'const serverChanged = identity !== this.#serverIdentity;\n    this.#serverIdentity = identity;',
  ),
  health(
    'nothing is recovered',
    'for (const recovery of this.#recoveries) await recovery(serverChanged);',
    '',
  ),
  health(
    'a recovery is not waited for',
    'await recovery(serverChanged)',
    'void recovery(serverChanged).catch(() => {})',
  ),
  health(
    'trouble with the connection is not heard',
    'connection.onTrouble((why) => this.breaker.trip(why));',
    '',
  ),
  relay('a replay is left out', 'if (serverChanged) await this.#replay();', ''),
  within(REPLAY)('a replay ends after one page', 'after = end;', 'after = null;'),
  within(REPLAY)('a replay that is too long is given up', 'cache.outdateAll();', ''),
  within(ENTRIES)(
    'what was verified before stays believed',
    'if (opened.readAt < this.#allOutdatedAt)',
    'if (known === undefined && opened.readAt < this.#allOutdatedAt)',
  ),
  relay('a recovery does not drain', 'while ((await this.#drainBatch(0)) === BATCH);', ''),
  relay(
    'a recovery drains one batch',
    'while ((await this.#drainBatch(0)) === BATCH);',
    'await this.#drainBatch(0);',
  ),

  // Invalidation
  invalidation(
    'a write does not wait for its drop',
    'await this.cache.drop(this.keys.of(changes));',
    'void this.cache.drop(this.keys.of(changes)).catch(() => {});',
  ),
  invalidation(
    'a write that could not drop does not wait',
    'return await this.waitForPeer(changes);',
    "return 'pending';",
  ),
  invalidation('a write waits too briefly', 'WRITER_WAIT_MS = 2000', 'WRITER_WAIT_MS = 50'),
  invalidation(
    'a change counts as dropped before it is',
    'await this.cache.drop(this.keys.of(changes));\n      this.relay.dropped({ ...committed, atMs });',
    'this.relay.dropped({ ...committed, atMs });\n      await this.cache.drop(this.keys.of(changes));',
  ),
  invalidation('a write drops nothing', 'await this.cache.drop(this.keys.of(changes));', ''),
  invalidation(
    'a write drops the first of its changes',
    'this.keys.of(changes)',
    'this.keys.of(changes.slice(0, 1))',
  ),
  relay('the relay drops nothing', 'await this.cache.drop(this.keys.of(portion));', ''),
  relay(
    'the relay marks before it drops, and does not wait',
    'await this.cache.drop(this.keys.of(portion));',
    'void this.cache.drop(this.keys.of(portion)).catch(() => {});',
  ),
  relay(
    'the relay forgets the last of a portion',
    'start += PORTION) {\n        const portion = rows.slice(start, start + PORTION);',
    'start += PORTION) {\n        const portion = rows.slice(start, start + PORTION);\n        if (start > 0 && start + PORTION >= rows.length) { await markDrained(query, portion); continue; }',
  ),
  relay('a process that lags goes on reading', 'this.health.behind = behind;', 'this.health.behind = false;'),
  within('src/cache/cache-health.ts')(
    'a process that was frozen goes on reading',
    'performance.now() > this.trustedUntilMs',
    'false',
  ),
  relay(
    'nothing is counted while others are heard',
    'await this.#count(this.session.statement);\n      this.#noticeLag();',
    '',
  ),
  relay('trust outlives the wait of a writer', 'TRUST_MS = 1400', 'TRUST_MS = 3000'),
  relay('one pending change is overlooked', 'const behind = pending > 0', 'const behind = pending > 1'),
  relay(
    'a change that another session has locked may wait without end',
    'lagSeconds > TOLERATED_LAG_SECONDS',
    'lagSeconds > 3600',
  ),
  relay(
    'a change is left to its writer for a minute',
    'this.#state.lagSeconds * 1000 < WRITER_GRACE_MS',
    'this.#state.lagSeconds * 1000 < 60_000',
  ),
  relay(
    'the relay never looks by itself',
    'this.#runIn(this.#state.pending > 0 ? RETRY_MS : this.session.pollMs);',
    'void RETRY_MS;',
  ),
  relay(
    'all waiters are told that it is drained',
    'return this.#waiters.wait(userIds, maxWaitMs);',
    'void userIds; void maxWaitMs; return Promise.resolve(true);',
  ),
  within('src/outbox/outbox-queries.ts')(
    'what others have not drained is not looked for',
    'return new Set(rows.map(({ userId }) => userId));',
    'void rows; return new Set();',
  ),
  within('src/outbox/cache-keys.ts')(
    "a feature's keys are forgotten",
    'this.#keysOf.flatMap((keysOf)',
    'this.#keysOf.slice(0, 1).flatMap((keysOf)',
  ),

  // Writers and events
  writer(
    'a repeated write does not look for what is pending',
    'for (const row of pending) changed.add(row.platformId);',
    'void pending;',
  ),
  writer(
    'a write drops before COMMIT',
    "      const version = await connection.end('commit'",
    "      await this.#invalidation.afterCommit({ transactionId, changes: [...changed].map((id) => ({ userId, platformId: id })) });\n      changed.clear();\n      const version = await connection.end('commit'",
  ),
  postgres(
    'an event goes out before its entries are gone',
    '(undrained === true && row.at < this.nowMs - PATIENCE_MS)',
    'true',
  ),
  postgres(
    'events are numbered without a lock',
    'await this.#position.take(by);\n    const position = this.lastEventId;',
    'const position = this.lastEventId;\n    await this.world.sleep(1);',
  ),
  postgres(
    'an event overtakes an earlier one',
    'seen.every((earlier) => earlier.userId !== row.userId || earlier.id > row.id || isDue(earlier))',
    'true',
  ),
];

import { Injectable } from '@nestjs/common';

/** What one statement has read. */
export interface InstallationReading {
  readonly id: string;
  readonly epoch: number;
  /** Which server was read, or another one before a failover. */
  readonly primaryName: string;
  /** The database's clock, in Unix milliseconds. */
  readonly nowMs: number;
}

/** Clocks drift apart by less than this fraction. A newer reading of the same uncertainty is the better one. */
const DRIFT = 0.001;
/** Database time minus performance.now(), at least and at most. */
const UNKNOWN_OFFSET = { least: 0, most: Number.POSITIVE_INFINITY, takenAtMs: 0 };

/**
 * Which installation this process belongs to, and the time on its database's clock: the one clock that all of its
 * processes share, and that nobody who writes to Redis can set. The first reading is taken at the start, the following
 * ones by the outbox.
 */
@Injectable()
export class Installation {
  #id = '';
  #epoch = 0;
  #name = '';
  #namedAtMs = Number.NEGATIVE_INFINITY;
  #offset = UNKNOWN_OFFSET;
  readonly #onMove: (() => void)[] = [];

  /** Drawn when the database was first migrated. */
  get id(): string {
    return this.#id;
  }

  /** Grows when the database has been restored from a backup: what was issued before that counts no more. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Id, epoch and primary. What was read under another name counts no more. */
  get name(): string {
    return this.#name;
  }

  /** The name under which something was read at a reading of performance.now(). Empty if that was before the last move. */
  nameAt(readAtMs: number): string {
    return readAtMs < this.#namedAtMs ? '' : this.#name;
  }

  /** `moved` is called when the database has been restored, or another server has become the primary. */
  onMove(moved: () => void): void {
    this.#onMove.push(moved);
  }

  /** @param sentAtMs performance.now() when the statement was sent. Its reply has just arrived. */
  observe({ id, epoch, primaryName, nowMs }: InstallationReading, sentAtMs: number): void {
    const name = `${id}/${epoch}/${primaryName}`;
    if (name !== this.#name) {
      const isFirst = this.#name === '';
      this.#id = id;
      this.#epoch = epoch;
      this.#name = name;
      if (!isFirst) this.#move();
    }
    const receivedAtMs = performance.now();
    const known = this.#offset;
    // A reply that took long says little about the time.
    const uncertainty = known.most - known.least + (receivedAtMs - known.takenAtMs) * DRIFT;
    if (receivedAtMs - sentAtMs > uncertainty) return;
    this.#offset = { least: nowMs - receivedAtMs, most: nowMs - sentAtMs, takenAtMs: receivedAtMs };
  }

  #move(): void {
    this.#namedAtMs = performance.now();
    // Another server has another clock.
    this.#offset = UNKNOWN_OFFSET;
    for (const moved of this.#onMove) moved();
  }

  /** The database's clock at a reading of performance.now(), at the earliest. Unix milliseconds. */
  earliestMs(atMs = performance.now()): number {
    return Math.floor(atMs + this.#offset.least);
  }

  /** The same, at the latest. */
  latestMs(atMs = performance.now()): number {
    return Math.ceil(atMs + this.#offset.most);
  }
}

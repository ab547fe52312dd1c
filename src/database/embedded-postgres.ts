import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { pg_trgm } from '@electric-sql/pglite/contrib/pg_trgm';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { makePrivateFolder } from '../config/private-folder.js';
import { DirectoryLock } from './directory-lock.js';
import { COLUMN_TYPES } from './times.js';

/** The extensions that the migrations need. */
export const EXTENSIONS = { pg_trgm };

/** PGlite's default of 160 MB of buffers becomes resident. What falls out of these is in the operating system's cache. */
const START_PARAMETERS = [...PGlite.defaultStartParams, '-c', 'shared_buffers=16MB'];

/** PostgreSQL in this process (PGlite). One connection, one process, files in `dataDir`. */
export class EmbeddedPostgres {
  private constructor(
    private readonly pglite: PGlite,
    private readonly lock: DirectoryLock,
  ) {}

  /** @throws {DirectoryInUse} when another process has it open. PGlite itself would let both write. */
  static async open(dataDir: string): Promise<EmbeddedPostgres> {
    makePrivateFolder(dataDir);
    const lock = await DirectoryLock.acquire(dataDir);
    try {
      return new EmbeddedPostgres(
        await PGlite.create(join(dataDir, 'postgres'), {
          extensions: EXTENSIONS,
          startParams: START_PARAMETERS,
        }),
        lock,
      );
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Options for node-postgres' pool. A query outside the transaction's own manager would wait endlessly for the only
   * connection; the time-out turns that into an error.
   */
  poolOptions(acquireTimeoutMs: number): Record<string, unknown> {
    return {
      ...createPgConfig(this.pglite),
      types: COLUMN_TYPES,
      max: 1,
      idleTimeoutMillis: 0,
      connectionTimeoutMillis: Math.max(acquireTimeoutMs, 5000),
    };
  }

  async close(): Promise<void> {
    await this.pglite.close();
    await this.lock.release();
  }
}

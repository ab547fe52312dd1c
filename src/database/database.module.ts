import {
  Global,
  Inject,
  Logger,
  Module,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Installation } from '../common/installation.js';
import { AppConfig } from '../config/app-config.js';
import { AdmissionGate } from './admission-gate.js';
import { dataSourceOptions } from './data-source-options.js';
import { Database } from './database.js';
import type { EmbeddedPostgres } from './embedded-postgres.js';
import { migrate } from './migrate.js';
import { connectionEnder } from './pool.js';
import { placeOf } from './pooler.js';
import { readInstallation } from './read-installation.js';
import { Replica } from './replica.js';
import { UnsuitableDatabase, openingDatabase } from './start-failures.js';

const EMBEDDED_POSTGRES = Symbol('EmbeddedPostgres');

/** Loads PGlite only where it is used. */
async function openEmbedded(dataDir: string): Promise<EmbeddedPostgres> {
  const { EmbeddedPostgres } = await import('./embedded-postgres.js');
  return EmbeddedPostgres.open(dataDir);
}

@Module({
  providers: [
    {
      provide: EMBEDDED_POSTGRES,
      inject: [AppConfig],
      useFactory: ({ database }: AppConfig) =>
        database.target.kind === 'embedded' ? openEmbedded(database.target.dataDir) : null,
    },
  ],
  exports: [EMBEDDED_POSTGRES],
})
class EmbeddedPostgresModule {}

@Global()
@Module({
  imports: [
    EmbeddedPostgresModule,
    TypeOrmModule.forRootAsync({
      imports: [EmbeddedPostgresModule],
      inject: [AppConfig, EMBEDDED_POSTGRES],
      useFactory: (config: AppConfig, embedded: EmbeddedPostgres | null) => ({
        ...dataSourceOptions(config, embedded),
        autoLoadEntities: true,
        migrationOptions: dataSourceOptions(config, embedded, 'none'),
        config: config.database,
        // A supervisor starts the process again; five attempts here would only delay the message.
        toRetry: () => false,
      }),
      dataSourceFactory: async (options) => {
        if (options === undefined) throw new Error('TypeOrmModule passed no options.');
        const { migrationOptions, config, ...own } = options as typeof options & {
          migrationOptions: typeof options;
          config: AppConfig['database'];
        };
        const { place } = await openingDatabase(config, 'direct', () => migrate(migrationOptions));
        return openingDatabase(config, 'target', async () => {
          const dataSource = await new DataSource(own).initialize();
          if ((await placeOf(dataSource)) !== place)
            throw new UnsuitableDatabase('DATABASE_DIRECT_URL names another database');
          return dataSource;
        });
      },
    }),
  ],
  providers: [
    {
      provide: AdmissionGate,
      inject: [AppConfig],
      useFactory: ({ database }: AppConfig) =>
        new AdmissionGate({ connections: database.poolMax, maxWaitMs: database.acquireTimeoutMs }),
    },
    Database,
    Replica,
  ],
  exports: [Database, AdmissionGate, Replica],
})
export class DatabaseModule implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Database');

  constructor(
    private readonly dataSource: DataSource,
    @Inject(EMBEDDED_POSTGRES) private readonly embedded: EmbeddedPostgres | null,
    private readonly installation: Installation,
  ) {}

  async onModuleInit(): Promise<void> {
    const endConnections = connectionEnder(this.dataSource);
    this.installation.onMove(() => {
      this.logger.warn(
        'Another PostgreSQL server is the primary now, or the database was restored. What was cached before is not believed.',
      );
      // Some may still lead to the server before.
      endConnections();
    });
    const sentAtMs = performance.now();
    const reading = await readInstallation((sql) => this.dataSource.query(sql));
    this.installation.observe(reading, sentAtMs);
  }

  /** The pool ends before the embedded server that it talks to. */
  async onApplicationShutdown(): Promise<void> {
    if (this.embedded === null) return;
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
    await this.embedded.close();
  }
}

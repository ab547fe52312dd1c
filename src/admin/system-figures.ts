import { readFileSync } from 'node:fs';
import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { CacheHealth } from '../cache/cache-health.js';
import { projectFile } from '../common/project-file.js';
import { recentErrors } from '../common/recent-errors.js';
import { AdmissionGate } from '../database/admission-gate.js';
import { Database } from '../database/database.js';
import { KeyRotation } from '../keys/key-rotation.js';
import { MailFigures } from '../mail/mail-figures.js';
import { OutboxRelay } from '../outbox/outbox-relay.js';
import { PlatformAttention } from '../platforms/checks/platform-attention.js';
import { WatchForecast } from '../watch/watch-forecast.js';
import { poolFigures } from './pool-figures.js';

/** What an administrator wants to know before looking into metrics and logs. */
@Injectable()
export class SystemFigures {
  readonly #version = (JSON.parse(readFileSync(projectFile('package.json'), 'utf8')) as { version: string })
    .version;

  constructor(
    private readonly database: Database,
    private readonly gate: AdmissionGate,
    private readonly cache: CacheHealth,
    private readonly relay: OutboxRelay,
    private readonly mail: MailFigures,
    private readonly forecast: WatchForecast,
    private readonly rotation: KeyRotation,
    private readonly attention: PlatformAttention,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  async read() {
    const [database] = await this.database.statement<{ version: string }>(
      `SELECT current_setting('server_version') AS version`,
    );
    const { kind: store, state: breaker, behind } = this.cache;
    return {
      versions: {
        ...{ application: this.#version, node: process.versions.node },
        postgresql: database?.version ?? '',
      },
      uptimeSeconds: Math.round(process.uptime()),
      pool: { ...poolFigures(this.dataSource, this.gate), rejected: this.gate.rejected },
      cache: { store, breaker, behind },
      outbox: this.relay.state,
      mail: await this.mail.read(),
      watch: this.forecast.latest(),
      keyRotation: await this.rotation.remaining(),
      recentErrors: recentErrors.list(),
      ...(await this.attention.read()),
    };
  }
}

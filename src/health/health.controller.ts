import { Controller, Get, HttpCode, Res } from '@nestjs/common';
import {
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import { HealthCheckService, TypeOrmHealthIndicator } from '@nestjs/terminus';
import { InjectDataSource } from '@nestjs/typeorm';
import type { FastifyReply } from 'fastify';
import { DataSource } from 'typeorm';
import { CacheHealth } from '../cache/cache-health.js';
import { Public } from '../http/auth/access.js';

const DATABASE_PING_TIMEOUT_MS = 1000;
const DATABASE_PING_INTERVAL_MS = 1000;

export class LiveDto {
  @ApiProperty({ enum: ['ok'] })
  status!: 'ok';
}

export class ReadyDto {
  @ApiProperty({
    enum: ['ok', 'degraded', 'unavailable'],
    description: 'degraded: one of database and cache does not answer, the other one serves what it can',
  })
  status!: 'ok' | 'degraded' | 'unavailable';

  @ApiProperty({ enum: ['up', 'down'] })
  database!: 'up' | 'down';

  @ApiProperty({
    enum: ['up', 'recovering', 'down', 'in-process'],
    description: 'recovering: the cache answers but is not read until missed invalidations are made good',
  })
  cache!: 'up' | 'recovering' | 'down' | 'in-process';
}

@ApiTags('operation')
@Controller('health')
export class HealthController {
  #ping: { readonly at: number; readonly isUp: Promise<boolean> } | null = null;

  constructor(
    private readonly health: HealthCheckService,
    private readonly database: TypeOrmHealthIndicator,
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly cache: CacheHealth,
  ) {}

  @Get('live')
  @Public()
  @ApiOperation({ summary: 'The process runs' })
  @ApiOkResponse({ type: LiveDto })
  live(): LiveDto {
    return { status: 'ok' };
  }

  /**
   * With PostgreSQL down, cached reads still work; with Redis down, everything does. Either outage deserves an alert,
   * but neither is a reason to take the process out of rotation. With both down, nothing can be served.
   */
  @Get('ready')
  @Public()
  @HttpCode(200)
  @ApiOperation({ summary: 'What the process can serve now' })
  @ApiOkResponse({ type: ReadyDto })
  @ApiServiceUnavailableResponse({
    type: ReadyDto,
    description: 'Neither database nor cache answers',
    example: { status: 'unavailable', database: 'down', cache: 'down' },
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<ReadyDto> {
    const database = await this.databaseIsUp();
    const cache = this.cacheState();
    const cacheServes = cache === 'up' || cache === 'in-process';
    if (database && cacheServes) return { status: 'ok', database: 'up', cache };
    if (database || cacheServes) return { status: 'degraded', database: database ? 'up' : 'down', cache };
    reply.code(503);
    return { status: 'unavailable', database: 'down', cache };
  }

  private cacheState(): ReadyDto['cache'] {
    if (this.cache.kind === 'memory') return 'in-process';
    switch (this.cache.bypassReason) {
      case null:
        return 'up';
      case 'recovering':
        return 'recovering';
      default:
        return 'down';
    }
  }

  /** All requests of a second share one ping. */
  private databaseIsUp(): Promise<boolean> {
    const now = performance.now();
    if (this.#ping === null || now - this.#ping.at >= DATABASE_PING_INTERVAL_MS) {
      const check = () =>
        this.database.pingCheck('database', {
          // Otherwise Terminus would import @nestjs/typeorm by itself: beside the bundle, a second one.
          connection: this.dataSource,
          timeout: DATABASE_PING_TIMEOUT_MS,
        });
      // Terminus reports a failed check by throwing.
      const isUp = this.health.check([check]).then(
        () => true,
        () => false,
      );
      this.#ping = { at: now, isUp };
    }
    return this.#ping.isUp;
  }
}

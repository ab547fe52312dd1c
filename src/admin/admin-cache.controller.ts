import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { CacheFigures } from '../cache/cache-figures.js';
import { ADMISSION_KINDS, AdmissionGate } from '../database/admission-gate.js';
import { poolState } from '../database/pool.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { OutboxRelay } from '../outbox/outbox-relay.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { CacheFiguresDto } from './dto/cache-figures.dto.js';

@ApiTags('admin')
@Controller('v1/admin/cache')
export class AdminCacheController {
  constructor(
    private readonly figures: CacheFigures,
    private readonly platforms: PlatformsService,
    private readonly relay: OutboxRelay,
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly gate: AdmissionGate,
  ) {}

  @Get()
  @Authenticated('admin')
  @ApiOperation({
    summary: 'How the cache does',
    description:
      'Counted by the process that answers, since its start: compare answers of the same `processId` only. /metrics of ' +
      'all processes has the whole.',
  })
  @ApiOkResponse({ type: CacheFiguresDto })
  @ApiProblems([503])
  async read(): Promise<CacheFiguresDto> {
    const figures = await this.figures.read();
    const pool = poolState(this.dataSource);
    // Nearly everybody waits at the gate before the pool.
    const waiting = ADMISSION_KINDS.reduce(
      (sum, kind) => sum + this.gate.figures(kind).waiting,
      pool.waiting,
    );
    return { ...figures, pool: { ...pool, waiting }, outbox: this.relay.state };
  }

  @Delete('users/:id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('admin')
  @ApiOperation({
    summary: 'Drop what is cached of a user: list, connections and statistics',
    description: 'The next reads load it. 204 also when nothing was cached, or there is no such user.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 413, 415, 503], {
    503: [
      'cache_unavailable',
      'Temporarily unavailable',
      'The cache cannot be reached at the moment. Try again shortly.',
    ],
  })
  async dropUser(@Param('id', IdPipe) id: number): Promise<void> {
    await this.platforms.dropEverythingCached(id);
  }
}

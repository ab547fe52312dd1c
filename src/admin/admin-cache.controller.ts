import { Controller, Delete, Get, HttpCode, Param } from '@nestjs/common';
import { ApiNoContentResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { CacheUnavailable } from '../cache/cache-errors.js';
import { CacheFigures } from '../cache/cache-figures.js';
import { AdmissionGate } from '../database/admission-gate.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { ApiIdParam, IdPipe } from '../http/id.pipe.js';
import { OutboxRelay } from '../outbox/outbox-relay.js';
import { PlatformsService } from '../platforms/platforms.service.js';
import { CacheFiguresDto } from './dto/cache-figures.dto.js';
import { poolFigures } from './pool-figures.js';

const CACHE_UNAVAILABLE = new CacheUnavailable('redis-unavailable', 'Example of the documentation');

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
    summary: 'Cache health',
    description:
      'Figures of the responding process since its start. Compare only responses with the same `processId`. For totals, ' +
      'sum /metrics over all processes.',
  })
  @ApiOkResponse({ type: CacheFiguresDto })
  @ApiProblems([503])
  async read(): Promise<CacheFiguresDto> {
    const figures = await this.figures.read();
    const pool = poolFigures(this.dataSource, this.gate);
    return { ...figures, pool, outbox: this.relay.state };
  }

  @Delete('users/:id')
  @ApiIdParam()
  @HttpCode(204)
  @Authenticated('admin')
  @ApiOperation({
    summary: "Drop a user's cached list, connections and statistics",
    description:
      'The next reads load them again. The status is 204 even if nothing was cached or the user does not exist.',
  })
  @ApiNoContentResponse()
  @ApiProblems([400, 413, 415, 503], CACHE_UNAVAILABLE)
  async dropUser(@Param('id', IdPipe) id: number): Promise<void> {
    await this.platforms.dropEverythingCached(id);
  }
}

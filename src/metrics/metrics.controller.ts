import { Controller, Get, Header, Headers, NotFoundException } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { Unauthenticated } from '../http/auth/auth.errors.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { MetricsToken } from './metrics-token.js';
import { MetricsService } from './metrics.service.js';

const NO_TOKEN = 'The metrics need the token of METRICS_TOKEN: Authorization: Bearer <token>.';

@ApiTags('operation')
@Controller('metrics')
export class MetricsController {
  constructor(
    private readonly metrics: MetricsService,
    private readonly token: MetricsToken,
    private readonly config: AppConfig,
  ) {}

  @Get()
  @Public()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({
    summary: 'Metrics in the Prometheus text format',
    description:
      'With `METRICS_TOKEN` set, that token is needed as bearer token. With `METRICS_PORT` set, they are there and not here.',
  })
  @ApiProduces('text/plain')
  @ApiOkResponse({
    schema: {
      type: 'string',
      example: 'platform_cache_requests_total{resource="user_platforms",outcome="hit"} 42',
    },
  })
  @ApiProblems([401, 404], new Unauthenticated(NO_TOKEN))
  read(@Headers('authorization') authorization?: string): Promise<string> {
    if (this.config.metricsPort !== null) throw new NotFoundException();
    if (!this.token.admits(bearerToken(authorization))) throw new Unauthenticated(NO_TOKEN);
    return this.metrics.text();
  }
}

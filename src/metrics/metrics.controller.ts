import { Controller, Get, Header, Headers } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiProduces, ApiTags } from '@nestjs/swagger';
import { hashOf, matchesHash } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';
import { Unauthenticated } from '../http/auth/auth.errors.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { MetricsService } from './metrics.service.js';

const NO_TOKEN = 'The metrics need the token of METRICS_TOKEN: Authorization: Bearer <token>.';

@ApiTags('operation')
@Controller('metrics')
export class MetricsController {
  readonly #tokenHash: Buffer | null;

  constructor(
    private readonly metrics: MetricsService,
    config: AppConfig,
  ) {
    this.#tokenHash = config.metricsToken === null ? null : hashOf(config.metricsToken);
  }

  @Get()
  @Public()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiOperation({
    summary: 'Metrics in the Prometheus text format',
    description: 'With `METRICS_TOKEN` set, that token is needed as bearer token.',
  })
  @ApiProduces('text/plain')
  @ApiOkResponse({
    schema: {
      type: 'string',
      example: 'platform_cache_requests_total{resource="user_platforms",outcome="hit"} 42',
    },
  })
  @ApiProblems([401], new Unauthenticated(NO_TOKEN))
  read(@Headers('authorization') authorization?: string): Promise<string> {
    if (this.#tokenHash !== null && !matchesHash(bearerToken(authorization) ?? '', this.#tokenHash))
      throw new Unauthenticated(NO_TOKEN);
    return this.metrics.registry.metrics();
  }
}

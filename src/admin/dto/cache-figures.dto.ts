import { ApiProperty } from '@nestjs/swagger';
import { type CacheOutcome, CACHE_OUTCOMES } from '../../cache/cache-figures.js';

class CacheResourceFiguresDto {
  @ApiProperty({ example: 'user_platforms' })
  resource!: string;

  @ApiProperty({ type: 'integer', example: 1200 })
  requests!: number;

  @ApiProperty({
    type: Number,
    nullable: true,
    minimum: 0,
    maximum: 1,
    example: 0.98,
    description: 'Null before the first request',
  })
  hitRatio!: number | null;

  @ApiProperty({
    type: 'object',
    properties: Object.fromEntries(CACHE_OUTCOMES.map((outcome) => [outcome, { type: 'integer' }])),
    required: [...CACHE_OUTCOMES],
    selfRequired: true,
    example: { hit: 1176, miss: 20, collapsed: 4, bypass: 0, error: 0, corrupt: 0 },
  })
  outcomes!: Readonly<Record<CacheOutcome, number>>;
}

class ReadDurationDto {
  @ApiProperty({
    type: Number,
    nullable: true,
    example: 0.001,
    description: 'Upper bound; null for the bucket of all reads',
  })
  upToSeconds!: number | null;

  @ApiProperty({ type: 'integer', example: 1180 })
  reads!: number;
}

export class PoolFiguresDto {
  @ApiProperty({ type: 'integer', example: 2 })
  used!: number;

  @ApiProperty({ type: 'integer', example: 13 })
  idle!: number;

  @ApiProperty({ type: 'integer', example: 0, description: 'Requests that wait for a connection' })
  waiting!: number;
}

export class OutboxFiguresDto {
  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'Changes whose cache entries have not been dropped yet',
  })
  pending!: number;

  @ApiProperty({ example: 0, description: 'Age of the oldest pending change' })
  lagSeconds!: number;
}

export class CacheFiguresDto {
  @ApiProperty({
    format: 'uuid',
    example: '3f0c2b7e-5d1a-4a4e-9c57-0c8f6f1d2a90',
    description: 'Id of the responding process; it changes at each restart',
  })
  processId!: string;

  @ApiProperty({ enum: ['redis', 'memory'], example: 'redis' })
  store!: 'redis' | 'memory';

  @ApiProperty({
    enum: ['closed', 'half-open', 'open'],
    example: 'closed',
    description:
      'State of the circuit breaker. Closed: the cache is in use. Open: it is not used. Half-open: it is being probed, or ' +
      'is catching up with pending invalidations',
  })
  breaker!: 'closed' | 'half-open' | 'open';

  @ApiProperty({
    example: false,
    description: 'Whether invalidations are still pending. If so, no cached value is read',
  })
  behind!: boolean;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 4711,
    description:
      'Keys in the store, including those of other programs; null while the store does not respond',
  })
  entries!: number | null;

  @ApiProperty({ type: CacheResourceFiguresDto, isArray: true })
  resources!: CacheResourceFiguresDto[];

  @ApiProperty({
    type: ReadDurationDto,
    isArray: true,
    description: 'Reads of all resources by duration, as cumulative buckets in ascending order',
  })
  durations!: ReadDurationDto[];

  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'Sampled hits that differed from the database for longer than an invalidation takes',
  })
  inconsistencies!: number;

  @ApiProperty({ type: PoolFiguresDto, description: 'Connections to the database' })
  pool!: PoolFiguresDto;

  @ApiProperty({ type: OutboxFiguresDto, description: 'State at the last poll, at most one second ago' })
  outbox!: OutboxFiguresDto;
}

import { ApiProperty } from '@nestjs/swagger';
import { type CacheOutcome, CACHE_OUTCOMES } from '../../cache/cache-figures.js';

export class CacheResourceFiguresDto {
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

export class ReadDurationDto {
  @ApiProperty({ type: Number, nullable: true, example: 0.001, description: 'Null for all reads' })
  upToSeconds!: number | null;

  @ApiProperty({ type: 'integer', example: 1180 })
  reads!: number;
}

export class PoolFiguresDto {
  @ApiProperty({ type: 'integer', example: 2 })
  used!: number;

  @ApiProperty({ type: 'integer', example: 13 })
  idle!: number;

  @ApiProperty({ type: 'integer', example: 0, description: 'Requests for a connection' })
  waiting!: number;
}

export class OutboxFiguresDto {
  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'Changes whose cached entries are not dropped yet',
  })
  pending!: number;

  @ApiProperty({ example: 0, description: 'Age of the oldest such change' })
  lagSeconds!: number;
}

export class CacheFiguresDto {
  @ApiProperty({
    format: 'uuid',
    example: '3f0c2b7e-5d1a-4a4e-9c57-0c8f6f1d2a90',
    description: 'Of the process that answers; another one after a restart',
  })
  processId!: string;

  @ApiProperty({ enum: ['redis', 'memory'], example: 'redis' })
  store!: 'redis' | 'memory';

  @ApiProperty({
    enum: ['closed', 'half-open', 'open'],
    example: 'closed',
    description:
      'Of the circuit breaker: closed is in use; open is not asked; half-open is being caught up with',
  })
  breaker!: 'closed' | 'half-open' | 'open';

  @ApiProperty({
    example: false,
    description: 'Invalidations are known of but not carried out, so that no cached value is read',
  })
  behind!: boolean;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 4711,
    description: 'Keys in the store, those of other programs included; null while it does not answer',
  })
  entries!: number | null;

  @ApiProperty({ type: CacheResourceFiguresDto, isArray: true })
  resources!: CacheResourceFiguresDto[];

  @ApiProperty({
    type: ReadDurationDto,
    isArray: true,
    description:
      'Reads of all resources that were answered within so long, ascending; each with those before it',
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

  @ApiProperty({ type: OutboxFiguresDto, description: 'As of the last look, at most a second ago' })
  outbox!: OutboxFiguresDto;
}

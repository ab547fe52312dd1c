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

export class CacheFiguresDto {
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
}

import { ApiProperty } from '@nestjs/swagger';
import { PLATFORM_STATUSES, type PlatformStatus } from '../../platforms/platform-view.js';
import { OutboxFiguresDto, PoolFiguresDto } from './cache-figures.dto.js';

class VersionsDto {
  @ApiProperty({ example: '0.1.0' })
  application!: string;

  @ApiProperty({ example: '24.21.0' })
  node!: string;

  @ApiProperty({ example: '17.2' })
  postgresql!: string;
}

class AdmissionDto extends PoolFiguresDto {
  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'Requests that were refused because they could not start in time',
  })
  rejected!: number;
}

class SystemCacheDto {
  @ApiProperty({ enum: ['redis', 'memory'], example: 'redis' })
  store!: 'redis' | 'memory';

  @ApiProperty({
    enum: ['closed', 'half-open', 'open'],
    example: 'closed',
    description: 'As in `GET /v1/admin/cache`',
  })
  breaker!: 'closed' | 'half-open' | 'open';

  @ApiProperty({
    example: false,
    description: 'Whether no cached value is read until missed changes are made good',
  })
  behind!: boolean;
}

class MailBacklogDto {
  @ApiProperty({ example: true })
  configured!: boolean;

  @ApiProperty({ type: 'integer', example: 0, description: 'Counted up to 10001' })
  waiting!: number;

  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'How long the oldest that should have left has been waiting',
  })
  lateSeconds!: number;
}

class WatchFiguresDto {
  @ApiProperty({ type: 'integer', example: 3, description: 'Checks that are due; counted up to 10001' })
  due!: number;

  @ApiProperty({ type: 'integer', example: 0, description: 'Active connections whose token has expired' })
  expired!: number;

  @ApiProperty({ type: 'integer', example: 1, description: 'Whose token expires within a day' })
  within1d!: number;

  @ApiProperty({ type: 'integer', example: 4, description: 'Within seven days, those within a day included' })
  within7d!: number;

  @ApiProperty({ type: 'integer', example: 9, description: 'Within thirty days, all of these included' })
  within30d!: number;
}

class KeyRotationDto {
  @ApiProperty({ example: 'platform connections' })
  what!: string;

  @ApiProperty({
    type: 'integer',
    example: 0,
    description: 'Rows that are not under the newest key yet; counted up to 10001',
  })
  left!: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 1200,
    description: 'Rows that `keys:rotate` has put under the newest key. Null before it has begun',
  })
  done!: number | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 1200,
    description: 'How many it had to do in all when it began, or last went on',
  })
  total!: number | null;
}

class LoggedErrorDto {
  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  at!: Date;

  @ApiProperty({ enum: ['warn', 'error', 'fatal'], example: 'warn' })
  level!: 'warn' | 'error' | 'fatal';

  @ApiProperty({ example: 'Mail', description: 'The part of the application' })
  context!: string;

  @ApiProperty({ example: 'Mail cannot be sent and is tried again: ECONNREFUSED' })
  message!: string;
}

class AttentionDto {
  @ApiProperty({ type: 'integer', example: 42 })
  id!: number;

  @ApiProperty({ type: 'integer', example: 1 })
  userId!: number;

  @ApiProperty({ example: 'My art account' })
  name!: string;

  @ApiProperty({ example: 'https://mastodon.social' })
  instanceUrl!: string;

  @ApiProperty({
    type: String,
    format: 'date-time',
    example: '2026-11-22T12:00:00.000Z',
    description: 'When it broke, or when its token expires',
  })
  at!: Date;
}

class BrokenDto extends AttentionDto {
  @ApiProperty({ enum: PLATFORM_STATUSES, enumName: 'PlatformStatus', example: 'token_invalid' })
  status!: PlatformStatus;
}

export class SystemDto {
  @ApiProperty({ type: VersionsDto })
  versions!: VersionsDto;

  @ApiProperty({ type: 'integer', example: 86400 })
  uptimeSeconds!: number;

  @ApiProperty({ type: AdmissionDto, description: 'Connections to the database' })
  pool!: AdmissionDto;

  @ApiProperty({ type: SystemCacheDto })
  cache!: SystemCacheDto;

  @ApiProperty({ type: OutboxFiguresDto })
  outbox!: OutboxFiguresDto;

  @ApiProperty({ type: MailBacklogDto })
  mail!: MailBacklogDto;

  @ApiProperty({
    type: WatchFiguresDto,
    nullable: true,
    description: 'As of the last minutes. Null before the first count, or where nothing is watched',
  })
  watch!: WatchFiguresDto | null;

  @ApiProperty({ type: KeyRotationDto, isArray: true })
  keyRotation!: KeyRotationDto[];

  @ApiProperty({
    type: LoggedErrorDto,
    isArray: true,
    description: 'The last that this process has logged, the latest first',
  })
  recentErrors!: readonly LoggedErrorDto[];

  @ApiProperty({
    type: BrokenDto,
    isArray: true,
    description: 'Active connections of all users that broke last, the latest first',
  })
  brokenLately!: BrokenDto[];

  @ApiProperty({
    type: AttentionDto,
    isArray: true,
    description: 'Those whose token expires within 30 days, the next first',
  })
  expiringSoon!: AttentionDto[];
}

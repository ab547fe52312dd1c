import { ApiProperty } from '@nestjs/swagger';
import type { InstanceAccount } from '../../instances/account.js';
import { CHECK_OUTCOMES, type CheckOutcome } from '../../instances/check-outcome.js';
import type { PlatformTest } from '../checks/platform-checks.js';

export class TestedAccountDto {
  @ApiProperty({ example: '109348', description: 'Unique within its instance only' })
  id!: string;

  @ApiProperty({ example: 'alice' })
  username!: string;

  @ApiProperty({ type: String, nullable: true, example: 'Alice' })
  displayName!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'https://files.mastodon.social/avatars/alice.png' })
  avatarUrl!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'https://mastodon.social/users/alice' })
  uri!: string | null;
}

export class InstanceRateLimitDto {
  @ApiProperty({ type: 'integer', nullable: true, example: 300 })
  limit!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 299 })
  remaining!: number | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-11-22T12:05:00.000Z' })
  resetsAt!: Date | null;
}

export class PlatformTestDto {
  @ApiProperty({ enum: CHECK_OUTCOMES, enumName: 'CheckOutcome', example: 'connected' })
  outcome!: CheckOutcome;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 184,
    description: 'Milliseconds; null if there was no answer',
  })
  latencyMs!: number | null;

  @ApiProperty({ type: TestedAccountDto, nullable: true })
  account!: TestedAccountDto | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: 'The id of another connection of yours that has the same account',
  })
  sameAccountAs!: number | null;

  @ApiProperty({ type: InstanceRateLimitDto, nullable: true })
  rateLimit!: InstanceRateLimitDto | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  checkedAt!: Date;

  @ApiProperty({ example: 'The instance accepts the access token.' })
  detail!: string;
}

export function toTestedAccountDto(account: InstanceAccount): TestedAccountDto {
  const { id, username, displayName, avatarUrl, uri } = account;
  return { id, username, displayName, avatarUrl, uri };
}

export function toPlatformTestDto({ account, labels: _, ...check }: PlatformTest): PlatformTestDto {
  return { ...check, account: account && toTestedAccountDto(account) };
}

import { ApiProperty } from '@nestjs/swagger';
import { type Labels, MAX_LABELS, MAX_LABEL_VALUE, LABEL_KEY } from '../labels.js';
import {
  PLATFORM_STATUSES,
  PLATFORM_TYPES,
  type PlatformStatus,
  type PlatformType,
} from '../platform-view.js';

export const LABELS = {
  type: 'object',
  additionalProperties: { type: 'string', minLength: 1, maxLength: MAX_LABEL_VALUE },
  propertyNames: { pattern: LABEL_KEY.source },
  maxProperties: MAX_LABELS,
  example: { customer: 'acme', 'team/region': 'eu' },
  description: 'Your own; the list is filtered by them with `?label=customer=acme`',
} as const;

export const EXTERNAL_ID = {
  type: String,
  maxLength: 200,
  example: 'crm-4711',
  description: 'The id that you know this connection by; unique among yours',
} as const;

/** Documents PlatformView, whose JSON is sent as it is cached. */
export class PlatformDto {
  @ApiProperty({ type: 'integer', example: 42 })
  id!: number;

  @ApiProperty({ type: 'integer', example: 7 })
  userId!: number;

  @ApiProperty({ example: 'My Mastodon' })
  name!: string;

  @ApiProperty({ enum: PLATFORM_TYPES, enumName: 'PlatformType', example: 'mastodon' })
  platformType!: PlatformType;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'mastodon',
    description: 'Name of the software in the nodeinfo of the instance, when it was last read',
  })
  software!: string | null;

  @ApiProperty({ type: String, nullable: true, example: '4.4.2' })
  softwareVersion!: string | null;

  @ApiProperty({ example: 'https://mastodon.social', description: 'Canonical origin of the instance' })
  instanceUrl!: string;

  @ApiProperty({ type: String, nullable: true, example: 'alice' })
  username!: string | null;

  @ApiProperty({ example: true })
  isActive!: boolean;

  @ApiProperty({ example: true, description: 'At most one connection of a user is the default' })
  isDefault!: boolean;

  @ApiProperty({ enum: PLATFORM_STATUSES, enumName: 'PlatformStatus', example: 'connected' })
  status!: PlatformStatus;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-11-22T12:00:00.000Z' })
  lastCheckedAt!: Date | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'What the last check found, if it failed',
  })
  lastError!: string | null;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: null })
  tokenExpiresAt!: Date | null;

  @ApiProperty({ example: false, description: 'Whether a client key and secret are stored' })
  hasClientCredentials!: boolean;

  @ApiProperty({
    example: true,
    description: 'Whether the account has a picture at `/v1/platforms/{id}/avatar`',
  })
  hasAvatar!: boolean;

  @ApiProperty(LABELS)
  labels!: Labels;

  @ApiProperty({ ...EXTERNAL_ID, nullable: true })
  externalId!: string | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    example: null,
    description: 'Written in batches; may lag',
  })
  lastUsed!: Date | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-01T09:30:00.000Z' })
  createdAt!: Date;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  updatedAt!: Date;

  @ApiProperty({ type: 'integer', example: 3, description: 'Also the ETag' })
  version!: number;
}

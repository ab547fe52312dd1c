import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ArrayMaxSize, ArrayUnique, IsArray, IsBoolean, IsIn, ValidateBy, ValidateIf } from 'class-validator';
import { AtLeastOne } from '../../http/at-least-one.decorator.js';
import { Length } from '../../http/length.decorator.js';
import { IsExactText } from '../../http/plain-text.decorator.js';
import { LABELS } from '../../platforms/dto/platform.dto.js';
import { IsLabels, type Labels } from '../../platforms/labels.js';
import { WEBHOOK_EVENTS, type WebhookEvent } from '../webhook-events.js';
import { PAUSE_REASONS, type PauseReason } from '../webhook-queue.js';

const MAX_URL = 2000;
const URL_RULES = {
  minLength: 1,
  maxLength: MAX_URL,
  example: 'https://example.org/hooks/platforms',
  description:
    'https on port 443 of a public host, or a host of `INSTANCE_HOST_ALLOWLIST`. Redirects are not followed',
} as const;
const EVENTS_RULES = {
  enum: WEBHOOK_EVENTS,
  enumName: 'WebhookEvent',
  isArray: true,
  minItems: 1,
  uniqueItems: true,
  example: ['platform.broken', 'platform.recovered'],
} as const;
const LABELS_RULES = {
  ...LABELS,
  example: { customer: 'acme' },
  description: 'Only connections that have all of these labels. Without any: all connections',
} as const;
const TIME = { type: String, format: 'date-time', nullable: true, example: null } as const;
/** Here only whether it is one, so that a form hears it together with what else is wrong. */
function IsWebAddress(): PropertyDecorator {
  return ValidateBy({
    name: 'isWebAddress',
    validator: {
      validate: (value: unknown) => typeof value !== 'string' || value === '' || URL.canParse(value),
      defaultMessage: () => '$property must be an address such as https://example.org/hooks',
    },
  });
}

const isGiven = (_: object, value: unknown): boolean => value !== undefined;

export class CreateWebhookDto {
  @ApiProperty(URL_RULES)
  @IsExactText()
  @Length(1, MAX_URL)
  @IsWebAddress()
  url!: string;

  @ApiProperty(EVENTS_RULES)
  @IsArray()
  @AtLeastOne()
  @ArrayMaxSize(WEBHOOK_EVENTS.length)
  @ArrayUnique()
  @IsIn(WEBHOOK_EVENTS, { each: true })
  events!: WebhookEvent[];

  @ApiPropertyOptional(LABELS_RULES)
  @ValidateIf(isGiven)
  @IsLabels()
  labels?: Labels;
}

export class UpdateWebhookDto {
  @ApiPropertyOptional(URL_RULES)
  @ValidateIf(isGiven)
  @IsExactText()
  @Length(1, MAX_URL)
  @IsWebAddress()
  url?: string;

  @ApiPropertyOptional(EVENTS_RULES)
  @ValidateIf(isGiven)
  @IsArray()
  @AtLeastOne()
  @ArrayMaxSize(WEBHOOK_EVENTS.length)
  @ArrayUnique()
  @IsIn(WEBHOOK_EVENTS, { each: true })
  events?: WebhookEvent[];

  @ApiPropertyOptional(LABELS_RULES)
  @ValidateIf(isGiven)
  @IsLabels()
  labels?: Labels;

  @ApiPropertyOptional({
    example: true,
    description: '`false` pauses the webhook: what happens waits, up to 7 days. `true` resumes it',
  })
  @ValidateIf(isGiven)
  @IsBoolean()
  isActive?: boolean;
}

export class WebhookDto {
  @ApiProperty({ type: 'integer', example: 3 })
  id!: number;

  @ApiProperty({ example: URL_RULES.example })
  url!: string;

  @ApiProperty({ ...EVENTS_RULES, minItems: undefined, uniqueItems: undefined })
  events!: WebhookEvent[];

  @ApiProperty(LABELS_RULES)
  labels!: Labels;

  @ApiProperty({ example: true, description: 'False while it is paused' })
  isActive!: boolean;

  @ApiProperty(TIME)
  pausedAt!: Date | null;

  @ApiProperty({
    enum: PAUSE_REASONS,
    enumName: 'WebhookPauseReason',
    nullable: true,
    example: null,
    description:
      '`failing`: the receiver accepted nothing for 24 hours. `gone`: it answered 410. `secret`: the stored secret cannot be decrypted, make a new one',
  })
  pausedBecause!: PauseReason | null;

  @ApiProperty({ ...TIME, description: 'Since when something is not accepted' })
  failingSince!: Date | null;

  @ApiProperty({ ...TIME, description: 'Until then the previous secret signs as well' })
  previousSecretUntil!: Date | null;

  @ApiProperty({ ...TIME, example: '2026-11-22T12:00:00.000Z', description: 'To the minute' })
  lastDeliveredAt!: Date | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;
}

const SECRET = {
  example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD67D/xWR4xKk=',
  description: 'Signs what is sent to you. Shown only once',
} as const;

export class CreatedWebhookDto extends WebhookDto {
  @ApiProperty(SECRET)
  secret!: string;
}

export class WebhookSecretDto {
  @ApiProperty(SECRET)
  secret!: string;

  @ApiProperty({
    ...TIME,
    example: '2026-11-23T12:00:00.000Z',
    description: 'Until then the previous secret signs as well. Null if it could not be read any more',
  })
  previousSecretUntil!: Date | null;
}

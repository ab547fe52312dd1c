import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateIf } from 'class-validator';
import { MAX_ID } from '../../http/id.pipe.js';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

const isGiven = (_: object, value: unknown): boolean => value !== undefined;

export class CreateConnectLinkDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 200,
    example: 'customer-1207',
    description:
      'How you know the person. The connection gets it as the label `external-user`: find it with ' +
      '`GET /v1/platforms?label=external-user=…`',
  })
  @IsPlainText()
  @Length(1, 200, { message: 'externalUserId must have 1 to 200 characters' })
  externalUserId!: string;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: 60,
    example: 'Alt Text Helper',
    description:
      'Who asks, as the page says it, beside the host of `returnTo`. Your e-mail address is never shown there',
  })
  @ValidateIf(isGiven)
  @IsPlainText()
  @Length(1, 60, { message: 'applicationName must have 1 to 60 characters' })
  applicationName?: string;

  @ApiPropertyOptional({
    maxLength: 500,
    example: 'https://app.example.org/connections',
    description:
      'Where the page sends the browser at the end, with `connect=connected&platformId=…` or `connect=failed&code=…` in the ' +
      'query: a URL on this server or on an origin in CORS_ORIGINS. Without it the page says that it may be closed',
  })
  @ValidateIf(isGiven)
  @IsPlainText()
  @Length(1, 500, { message: 'returnTo must have 1 to 500 characters' })
  returnTo?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_ID,
    example: 42,
    description:
      'Reconnects this connection and no other account. It must have a username and the label `external-user` of this person',
  })
  @ValidateIf(isGiven)
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  platformId?: number;
}

export class NewConnectLinkDto {
  @ApiProperty({ type: 'integer', example: 7 })
  id!: number;

  @ApiProperty({
    example: 'https://platforms.example.org/console/connect#<secret>',
    description:
      'For the person alone. It is good for one connection, in the browser that begins with it. Shown only once; the server stores only a hash',
  })
  url!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:30:00.000Z' })
  expiresAt!: Date;
}

export class ConnectLinkDto {
  @ApiProperty({ type: 'integer', example: 7 })
  id!: number;

  @ApiProperty({ example: 'customer-1207' })
  externalUserId!: string;

  @ApiProperty({ type: String, nullable: true, example: 'Alt Text Helper' })
  applicationName!: string | null;

  @ApiProperty({ type: String, nullable: true, example: 'https://app.example.org/connections' })
  returnTo!: string | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: 'The connection that is reconnected; null for a new one',
  })
  platformId!: number | null;

  @ApiProperty({ example: false, description: 'Whether a browser has begun with it' })
  begun!: boolean;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:30:00.000Z' })
  expiresAt!: Date;
}

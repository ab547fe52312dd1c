import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsRFC3339,
  ValidateIf,
} from 'class-validator';
import { type Scope, SCOPES } from '../../http/auth/auth-user.js';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

export class CreateApiKeyDto {
  @ApiProperty({ minLength: 1, maxLength: 100, example: 'Alt text worker' })
  @IsPlainText()
  @Length(1, 100, { message: 'name must have 1 to 100 characters' })
  name!: string;

  @ApiProperty({
    enum: SCOPES,
    isArray: true,
    minItems: 1,
    uniqueItems: true,
    example: ['platforms:read', 'credentials:read'],
    description: 'Everything that the key may do',
  })
  @IsArray()
  @ArrayMinSize(1)
  @ArrayMaxSize(SCOPES.length)
  @ArrayUnique()
  @IsIn(SCOPES, { each: true })
  scopes!: Scope[];

  @ApiPropertyOptional({
    type: String,
    format: 'date-time',
    nullable: true,
    example: '2027-11-22T12:00:00Z',
    description:
      'If absent, the key is valid until it is revoked, or for as long as this server lets a key live at the most',
  })
  @ValidateIf((_, value) => value !== undefined && value !== null)
  @IsRFC3339({ message: 'expiresAt must be an RFC 3339 time such as 2027-11-22T12:00:00Z' })
  expiresAt?: string | null;
}

export class ApiKeyDto {
  @ApiProperty({ type: 'integer', example: 5 })
  id!: number;

  @ApiProperty({ example: 'Alt text worker' })
  name!: string;

  @ApiProperty({ enum: SCOPES, isArray: true, example: ['platforms:read', 'credentials:read'] })
  scopes!: readonly Scope[];

  @ApiProperty({ example: 'pmk_x7Kd93Qa', description: 'The first characters of the key' })
  prefix!: string;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2027-11-22T12:00:00.000Z' })
  expiresAt!: Date | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    example: null,
    description: 'Written in batches, so it may lag by ten seconds',
  })
  lastUsedAt!: Date | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;
}

export class CreatedApiKeyDto extends ApiKeyDto {
  @ApiProperty({
    example: 'pmk_x7Kd93Qa_<secret>',
    description: 'Send it as `Authorization: Bearer <key>`. Shown only once; the server stores only its hash',
  })
  key!: string;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  ArrayUnique,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsRFC3339,
  Max,
  Min,
  ValidateBy,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { canonicalRange } from '../../http/address-ranges.js';
import { AtLeastOne } from '../../http/at-least-one.decorator.js';
import { type Scope, SCOPES } from '../../http/auth/auth-user.js';
import { type KeyPolicyFields, PROXY_METHODS, type ProxyMethod } from '../../http/auth/key-policy.js';
import { isPathPattern } from '../../http/auth/path-pattern.js';
import { MAX_ID } from '../../http/id.pipe.js';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

/** As many as a user can have. */
const MAX_PLATFORMS = 200;
const MAX_ADDRESSES = 50;
const MAX_PATHS = 50;
const MAX_PATTERN = 200;
const MAX_PER_MINUTE = 100_000;

function IsAddressRange(): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isAddressRange',
      validator: { validate: (value) => typeof value === 'string' && canonicalRange(value) !== null },
    },
    {
      each: true,
      message: 'addresses must be IP addresses, or ranges such as 203.0.113.0/24 and 2001:db8::/32',
    },
  );
}

function IsPathPattern(): PropertyDecorator {
  return ValidateBy(
    {
      name: 'isPathPattern',
      validator: {
        validate: (value) => typeof value === 'string' && value.length <= MAX_PATTERN && isPathPattern(value),
      },
    },
    {
      each: true,
      message: `paths must be paths such as /api/v1/statuses/* and /api/**, of at most ${MAX_PATTERN} characters`,
    },
  );
}

const isGiven = (_: object, value: unknown): boolean => value !== undefined;

export class ApiKeyPolicyDto implements KeyPolicyFields {
  @ApiPropertyOptional({
    type: 'array',
    items: { type: 'integer', minimum: 1, maximum: MAX_ID },
    minItems: 1,
    maxItems: MAX_PLATFORMS,
    uniqueItems: true,
    example: [42],
    description:
      'The platform connections that the key is good for. The id of one that is deleted stays and permits nothing',
  })
  @ValidateIf(isGiven)
  @IsArray()
  @AtLeastOne()
  @ArrayMaxSize(MAX_PLATFORMS)
  @ArrayUnique()
  @IsInt({ each: true })
  @Min(1, { each: true })
  @Max(MAX_ID, { each: true })
  platformIds?: number[];

  @ApiPropertyOptional({
    type: String,
    isArray: true,
    minItems: 1,
    maxItems: MAX_ADDRESSES,
    example: ['203.0.113.0/24', '2001:db8::7'],
    description: 'The addresses and CIDR ranges from which the key is good',
  })
  @ValidateIf(isGiven)
  @IsArray()
  @AtLeastOne()
  @ArrayMaxSize(MAX_ADDRESSES)
  @IsAddressRange()
  addresses?: string[];

  @ApiPropertyOptional({
    enum: PROXY_METHODS,
    isArray: true,
    minItems: 1,
    uniqueItems: true,
    example: ['GET', 'POST'],
    description: 'What the key may send through the proxy. If absent: GET and HEAD',
  })
  @ValidateIf(isGiven)
  @IsArray()
  @AtLeastOne()
  @ArrayMaxSize(PROXY_METHODS.length)
  @ArrayUnique()
  @IsIn(PROXY_METHODS, { each: true })
  methods?: ProxyMethod[];

  @ApiPropertyOptional({
    type: String,
    isArray: true,
    minItems: 1,
    maxItems: MAX_PATHS,
    example: ['/api/v1/statuses/*', '/api/v2/media'],
    description:
      'Where at the instance the key may send it, without the query. `*` is one segment, `**` at the end all that follows',
  })
  @ValidateIf(isGiven)
  @IsArray()
  @AtLeastOne()
  @ArrayMaxSize(MAX_PATHS)
  @IsPathPattern()
  paths?: string[];

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_PER_MINUTE,
    example: 30,
    description: 'Requests through the proxy; then 429',
  })
  @ValidateIf(isGiven)
  @IsInt()
  @Min(1)
  @Max(MAX_PER_MINUTE)
  perMinute?: number;
}

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
  @AtLeastOne()
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

  @ApiPropertyOptional({
    type: ApiKeyPolicyDto,
    nullable: true,
    description: 'What the key is limited to beyond its scopes; an absent field is no limit',
  })
  @ValidateIf((_, value) => value !== undefined && value !== null)
  // ValidateNested alone takes an array of policies, which would then be no limit.
  @IsObject()
  @ValidateNested()
  @Type(() => ApiKeyPolicyDto)
  policy?: ApiKeyPolicyDto | null;
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

  @ApiProperty({ type: ApiKeyPolicyDto, nullable: true, description: 'Null for a key without limits' })
  policy!: KeyPolicyFields | null;

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

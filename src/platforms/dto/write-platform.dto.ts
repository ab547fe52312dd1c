import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { IsBoolean, IsIn, ValidateBy, ValidateIf } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsCredential, IsPlainText } from '../../http/plain-text.decorator.js';
import { canonicalInstanceUrl, InvalidInstanceUrl } from '../../instances/instance-url.js';
import { IsLabels, type Labels } from '../labels.js';
import { PASTED_TYPES, type PlatformType } from '../platform-view.js';
import { EXTERNAL_ID, LABELS } from './platform.dto.js';

const MAX_CREDENTIAL = 4096;
const CLIENT_CREDENTIAL = {
  type: String,
  nullable: true,
  minLength: 1,
  maxLength: MAX_CREDENTIAL,
  writeOnly: true,
  example: null,
};

/** An absent field is left alone and null clears it; anything else is validated. */
const IsGiven = () => ValidateIf((_, value) => value !== undefined && value !== null);

/** Whether the address may be used depends on the allow-list, and PlatformWriter looks at that. */
function IsInstanceUrl(): PropertyDecorator {
  return ValidateBy({
    name: 'isInstanceUrl',
    validator: {
      validate: (value: unknown) => instanceUrlFault(value) === null,
      defaultMessage: (found) => instanceUrlFault(found?.value) ?? '',
    },
  });
}

function instanceUrlFault(value: unknown): string | null {
  if (typeof value !== 'string') return 'instanceUrl must be text';
  try {
    canonicalInstanceUrl(value, () => true);
    return null;
  } catch (error) {
    if (error instanceof InvalidInstanceUrl) return error.detail;
    throw error;
  }
}

export class CreatePlatformDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 100,
    example: 'My Mastodon',
    description:
      'Unique among the user’s connections. Stored trimmed and in Unicode normal form C, as the username is',
  })
  @IsPlainText()
  @Length(1, 100, { message: 'name must have 1 to 100 characters' })
  name!: string;

  @ApiProperty({
    enum: PASTED_TYPES,
    enumName: 'PastedPlatformType',
    example: 'mastodon',
    description: 'Accounts at Bluesky are connected by `POST /v1/connect` only',
  })
  @IsIn(PASTED_TYPES)
  platformType!: PlatformType;

  @ApiProperty({
    maxLength: 500,
    example: 'https://mastodon.social',
    description: 'Stored canonical: https, lower-case host, no path',
  })
  @IsInstanceUrl()
  instanceUrl!: string;

  @ApiProperty({
    minLength: 10,
    maxLength: MAX_CREDENTIAL,
    writeOnly: true,
    example: 'paste-the-access-token-here',
  })
  @IsCredential()
  @Length(10, MAX_CREDENTIAL, { message: `accessToken must have 10 to ${MAX_CREDENTIAL} characters` })
  accessToken!: string;

  @ApiPropertyOptional({ type: String, nullable: true, minLength: 1, maxLength: 200, example: 'alice' })
  @IsGiven()
  @IsPlainText()
  @Length(1, 200, { message: 'username must have 1 to 200 characters' })
  username?: string | null;

  @ApiPropertyOptional(CLIENT_CREDENTIAL)
  @IsGiven()
  @IsCredential()
  @Length(1, MAX_CREDENTIAL, { message: `clientKey must have 1 to ${MAX_CREDENTIAL} characters` })
  clientKey?: string | null;

  @ApiPropertyOptional(CLIENT_CREDENTIAL)
  @IsGiven()
  @IsCredential()
  @Length(1, MAX_CREDENTIAL, { message: `clientSecret must have 1 to ${MAX_CREDENTIAL} characters` })
  clientSecret?: string | null;

  @ApiPropertyOptional({ ...LABELS, nullable: true })
  @IsGiven()
  @IsLabels()
  labels?: Labels | null;

  @ApiPropertyOptional({ ...EXTERNAL_ID, minLength: 1, nullable: true })
  @IsGiven()
  @IsPlainText()
  @Length(1, 200, { message: 'externalId must have 1 to 200 characters' })
  externalId?: string | null;

  @ApiPropertyOptional({
    example: false,
    description: 'The first active connection becomes the default anyway',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  isDefault?: boolean;
}

/**
 * Any of the fields. An absent one stays unchanged; null clears an optional one. Another instance needs its own access
 * token: no stored credential is carried over.
 */
export class UpdatePlatformDto extends PartialType(CreatePlatformDto, { skipNullProperties: false }) {
  @ApiPropertyOptional({
    example: true,
    description: 'An inactive connection is not listed and cannot be the default',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  isActive?: boolean;
}

import { ApiProperty } from '@nestjs/swagger';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';
import { PLATFORM_TYPES, type PlatformType } from '../software.js';

export class LookupInstanceDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 500,
    example: '@alice@mastodon.social',
    description: 'A host, a web address, or a handle',
  })
  @IsPlainText()
  @Length(1, 500, { message: 'instance must have 1 to 500 characters' })
  instance!: string;
}

export class InstanceFeaturesDto {
  @ApiProperty({
    type: [String],
    example: ['profile'],
    description: 'Scopes that a connection by OAuth asks for',
  })
  scopes!: readonly string[];

  @ApiProperty({ enum: ['S256', 'harmless'], example: 'S256' })
  pkce!: 'S256' | 'harmless';

  @ApiProperty({ example: false, description: 'Tokens expire and are renewed' })
  refreshTokens!: boolean;

  @ApiProperty({ example: true, description: 'A token can be revoked without touching those of others' })
  revocable!: boolean;
}

export class InstanceDto {
  @ApiProperty({ example: 'https://mastodon.social', description: 'Canonical origin, as instanceUrl' })
  origin!: string;

  @ApiProperty({ example: 'mastodon', description: 'As nodeinfo names it' })
  software!: string;

  @ApiProperty({ example: '4.4.2' })
  version!: string;

  @ApiProperty({ type: String, nullable: true, example: 'Mastodon' })
  title!: string | null;

  @ApiProperty({ example: true })
  supported!: boolean;

  @ApiProperty({
    enum: PLATFORM_TYPES,
    nullable: true,
    example: 'mastodon',
    description: 'The platformType to connect as; null when the software is not supported',
  })
  platformType!: PlatformType | null;

  @ApiProperty({ type: InstanceFeaturesDto, nullable: true })
  features!: InstanceFeaturesDto | null;
}

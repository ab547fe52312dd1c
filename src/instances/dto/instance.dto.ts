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
    description: 'Scopes that a connection by OAuth requests, or permissions by MiAuth',
  })
  scopes!: readonly string[];

  @ApiProperty({
    enum: ['S256', 'harmless', 'none'],
    example: 'S256',
    description:
      '`harmless`: the instance accepts a PKCE challenge but may not verify it. `none`: it connects by MiAuth',
  })
  pkce!: 'S256' | 'harmless' | 'none';

  @ApiProperty({ example: false, description: 'Whether access tokens expire and are refreshed' })
  refreshTokens!: boolean;

  @ApiProperty({
    example: true,
    description: "Whether a token can be revoked from here without revoking other users' tokens",
  })
  revocable!: boolean;

  @ApiProperty({
    example: true,
    description: 'Whether `forceLogin` makes the instance ask which account to use',
  })
  forceLogin!: boolean;

  @ApiProperty({
    example: true,
    description:
      'Whether one registration of this application serves all its users, or each attempt gets its own',
  })
  sharedApp!: boolean;
}

export class InstanceDto {
  @ApiProperty({
    example: 'https://mastodon.social',
    description: 'Canonical origin, in the same form as instanceUrl',
  })
  origin!: string;

  @ApiProperty({ example: 'mastodon', description: 'Software name from nodeinfo' })
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
    description:
      'The platformType to use for a connection: `mastodon_api` for any software without a type of its own that speaks ' +
      "the Mastodon API, `misskey` for any that speaks Misskey's only; null if the software is not supported",
  })
  platformType!: PlatformType | null;

  @ApiProperty({ type: InstanceFeaturesDto, nullable: true })
  features!: InstanceFeaturesDto | null;
}

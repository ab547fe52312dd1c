import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

export class BeginConnectDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 500,
    example: '@alice@mastodon.social',
    description: 'A host, a web address, or a handle',
  })
  @IsPlainText()
  @Length(1, 500, { message: 'instance must have 1 to 500 characters' })
  instance!: string;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: 100,
    example: 'My Mastodon',
    description: 'Name for a new connection; a reconnected account keeps its name. Defaults to the handle',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText()
  @Length(1, 100, { message: 'name must have 1 to 100 characters' })
  name?: string;

  @ApiPropertyOptional({
    maxLength: 500,
    example: 'https://app.example.org/connections',
    description:
      'Where to redirect the browser at the end: a URL on this server or on an origin in CORS_ORIGINS',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText()
  @Length(1, 500, { message: 'returnTo must have 1 to 500 characters' })
  returnTo?: string;
}

export class ConnectBegunDto {
  @ApiProperty({
    example: 'https://mastodon.social/oauth/authorize?client_id=…&response_type=code&state=…',
    description:
      'Open it in the browser that sent this request: the callback requires the cookie of this response',
  })
  authorizationUrl!: string;
}

export class ConnectedDto {
  @ApiProperty({ enum: ['connected'] })
  outcome!: 'connected';

  @ApiProperty({ type: 'integer', example: 42 })
  platformId!: number;

  @ApiProperty({
    example: false,
    description: 'Whether the account was already connected and got a new token',
  })
  renewed!: boolean;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

const MIN_REASON = 3;
const MAX_REASON = 200;

/** Rejects a reason that is mostly blanks. */
function NotBlank(): PropertyDecorator {
  return ValidateBy({
    name: 'notBlank',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' &&
        value.length <= 2 * MAX_REASON &&
        value.replace(/\s/g, '').length >= MIN_REASON,
      defaultMessage: () =>
        `reason must have ${MIN_REASON} to ${MAX_REASON} characters, at least ${MIN_REASON} of them not blank`,
    },
  });
}

export class RevealDto {
  @ApiProperty({
    minLength: MIN_REASON,
    maxLength: MAX_REASON,
    example: 'Publishing scheduled post 4711',
    description: 'Stored in the audit trail, which the owner can read',
  })
  @IsPlainText()
  @Length(MIN_REASON, MAX_REASON, { message: `reason must have ${MIN_REASON} to ${MAX_REASON} characters` })
  @NotBlank()
  reason!: string;
}

/** The only response body that holds credentials. */
export class CredentialsDto {
  @ApiProperty({ example: 'the-access-token' })
  accessToken!: string;

  @ApiProperty({ type: String, nullable: true, example: null })
  clientKey!: string | null;

  @ApiProperty({ type: String, nullable: true, example: null })
  clientSecret!: string | null;

  @ApiProperty({
    example: 'https://mastodon.example',
    description: 'Where the access token is valid. Send it nowhere else',
  })
  instanceUrl!: string;

  @ApiProperty({ type: String, nullable: true, example: 'alice' })
  username!: string | null;

  @ApiPropertyOptional({
    enum: ['DPoP'],
    example: 'DPoP',
    description: 'Only at Bluesky: the token is bound to a private key that is not given out (RFC 9449)',
  })
  tokenType?: 'DPoP';

  @ApiPropertyOptional({
    example: 'This token works only with proofs by a private key that stays here (DPoP, RFC 9449). …',
    description: 'Only with `tokenType`: what to do instead',
  })
  notice?: string;
}

import { ApiProperty } from '@nestjs/swagger';
import { ValidateBy } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

const MIN_REASON = 3;
const MAX_REASON = 200;

/** A reason of blanks is none. */
function SaysSomething(): PropertyDecorator {
  return ValidateBy({
    name: 'saysSomething',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' &&
        value.length <= 2 * MAX_REASON &&
        value.replace(/\s/g, '').length >= MIN_REASON,
      defaultMessage: () =>
        `reason must have ${MIN_REASON} to ${MAX_REASON} characters that are not all blank`,
    },
  });
}

export class RevealDto {
  @ApiProperty({
    minLength: MIN_REASON,
    maxLength: MAX_REASON,
    example: 'Publishing scheduled post 4711',
    description: 'Kept in the audit trail, for the owner to read',
  })
  @IsPlainText()
  @Length(MIN_REASON, MAX_REASON, { message: `reason must have ${MIN_REASON} to ${MAX_REASON} characters` })
  @SaysSomething()
  reason!: string;
}

/** The only answer that holds credentials. */
export class CredentialsDto {
  @ApiProperty({ example: 'the-access-token' })
  accessToken!: string;

  @ApiProperty({ type: String, nullable: true, example: null })
  clientKey!: string | null;

  @ApiProperty({ type: String, nullable: true, example: null })
  clientSecret!: string | null;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateBy, ValidateIf } from 'class-validator';
import { EmailField } from '../../http/email-field.decorator.js';
import { Length } from '../../http/length.decorator.js';
import { isPlaceholder } from '../../users/oidc-identity.js';
import { IsNewPassword } from './password.decorators.js';

export class RegisterDto {
  @EmailField()
  @ValidateBy({
    name: 'isNoPlaceholder',
    validator: {
      validate: (email: unknown) => typeof email !== 'string' || !isPlaceholder(email),
      defaultMessage: () => '$property must be an address that can receive mail',
    },
  })
  email!: string;

  @ApiProperty({
    format: 'password',
    minLength: 12,
    maxLength: 128,
    example: '<12 to 128 characters>',
    description:
      'Common passwords, sequences, repetitions and control characters are refused. Compared as RFC 8265 prepares it',
    writeOnly: true,
  })
  @IsNewPassword()
  password!: string;

  @ApiPropertyOptional({
    description: 'From an administrator, where `REGISTRATION=invite`',
    minLength: 1,
    maxLength: 100,
    example: '<token of the invitation>',
    writeOnly: true,
  })
  @ValidateIf((_, value) => value !== undefined)
  @Length(1, 100)
  invitation?: string;
}

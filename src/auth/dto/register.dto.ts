import { ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateBy, ValidateIf } from 'class-validator';
import { EmailField } from '../../http/email-field.decorator.js';
import { Length } from '../../http/length.decorator.js';
import { isPlaceholder } from '../../users/oidc-identity.js';
import { NewPasswordField } from './password.decorators.js';

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

  @NewPasswordField(
    'Common passwords, sequences, repetitions and control characters are refused. Compared as RFC 8265 prepares it',
  )
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

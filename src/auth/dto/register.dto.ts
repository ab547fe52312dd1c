import { ApiProperty } from '@nestjs/swagger';
import { IsString, ValidateBy } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { isPlaceholder } from '../../users/oidc-identity.js';
import { EmailField } from './email-field.decorator.js';

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
    description: 'Common passwords, sequences and repetitions are refused',
    writeOnly: true,
  })
  @IsString()
  @Length(12, 128)
  password!: string;
}

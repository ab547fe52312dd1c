import { ApiProperty } from '@nestjs/swagger';
import { EmailField } from '../../http/email-field.decorator.js';
import { IsTypedPassword } from './password.decorators.js';

export class LoginDto {
  @EmailField()
  email!: string;

  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password>', writeOnly: true })
  @IsTypedPassword()
  password!: string;
}

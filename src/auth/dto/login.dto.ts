import { ApiProperty } from '@nestjs/swagger';
import { EmailField } from '../../http/email-field.decorator.js';
import { IsTypedPassword } from './password.decorators.js';
import { SecondFactorCode } from './second-factor-code.decorator.js';

export class LoginDto {
  @EmailField()
  email!: string;

  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password>', writeOnly: true })
  @IsTypedPassword()
  password!: string;

  @SecondFactorCode('After 403 `second_factor_required`: a code of the authenticator app, or a recovery code')
  code?: string;
}

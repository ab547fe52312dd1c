import { ApiProperty } from '@nestjs/swagger';
import { NewPasswordField, IsTypedPassword } from './password.decorators.js';

export class ChangePasswordDto {
  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password until now>', writeOnly: true })
  @IsTypedPassword()
  currentPassword!: string;

  @NewPasswordField('As at the registration')
  newPassword!: string;
}

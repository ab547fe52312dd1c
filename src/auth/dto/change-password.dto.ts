import { ApiProperty } from '@nestjs/swagger';
import { IsNewPassword, IsTypedPassword } from './password.decorators.js';

export class ChangePasswordDto {
  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password until now>', writeOnly: true })
  @IsTypedPassword()
  currentPassword!: string;

  @ApiProperty({
    format: 'password',
    minLength: 12,
    maxLength: 128,
    example: '<12 to 128 characters>',
    description: 'As at the registration',
    writeOnly: true,
  })
  @IsNewPassword()
  newPassword!: string;
}

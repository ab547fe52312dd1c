import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { EmailField } from '../../http/email-field.decorator.js';
import { IsNewPassword } from './password.decorators.js';

export class LinkTokenDto {
  @ApiProperty({ maxLength: 200, example: '<what the link ends with>', writeOnly: true })
  @IsString()
  @MaxLength(200)
  token!: string;
}

export class RequestPasswordResetDto {
  @EmailField()
  email!: string;
}

export class ResetPasswordDto extends LinkTokenDto {
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

import { ApiProperty } from '@nestjs/swagger';
import { IsString, MaxLength } from 'class-validator';
import { EmailField } from '../../http/email-field.decorator.js';
import { NewPasswordField } from './password.decorators.js';

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

export class ChangeEmailDto {
  @EmailField()
  email!: string;
}

export class ChangedEmailDto {
  @ApiProperty({
    example: true,
    description: 'False: the link that was sent to the other address has not been opened yet',
  })
  changed!: boolean;
}

export class ResetPasswordDto extends LinkTokenDto {
  @NewPasswordField('As at the registration')
  newPassword!: string;
}

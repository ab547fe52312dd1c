import { ApiProperty } from '@nestjs/swagger';
import { IsNotEmpty, IsString, MaxLength } from 'class-validator';
import { EmailField } from './email-field.decorator.js';

export class LoginDto {
  @EmailField()
  email!: string;

  // No minimum: what is too short for an account is simply the wrong password.
  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password>', writeOnly: true })
  @IsString()
  @IsNotEmpty()
  @MaxLength(128)
  password!: string;
}

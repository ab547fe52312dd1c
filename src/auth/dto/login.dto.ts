import { ApiProperty } from '@nestjs/swagger';
import { IsNotEmpty, IsString, MaxLength } from 'class-validator';
import { EmailField } from './email-field.decorator.js';

export class LoginDto {
  @EmailField()
  email!: string;

  // No minimum length: a password too short for any account is simply wrong.
  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password>', writeOnly: true })
  @IsString()
  @IsNotEmpty()
  @MaxLength(128)
  password!: string;
}

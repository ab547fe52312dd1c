import { ApiProperty } from '@nestjs/swagger';
import { IsString } from 'class-validator';
import { Length } from '../../common/length.decorator.js';
import { EmailField } from './email-field.decorator.js';

export class RegisterDto {
  @EmailField()
  email!: string;

  @ApiProperty({
    format: 'password',
    minLength: 12,
    maxLength: 128,
    example: '<12 to 128 characters>',
    writeOnly: true,
  })
  @IsString()
  @Length(12, 128)
  password!: string;
}

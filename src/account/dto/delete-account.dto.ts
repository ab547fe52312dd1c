import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { IsTypedPassword } from '../../auth/dto/password.decorators.js';

export class DeleteAccountDto {
  @ApiPropertyOptional({
    format: 'password',
    maxLength: 128,
    example: '<the password>',
    description: 'Needed by an account that has one',
    writeOnly: true,
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsTypedPassword()
  currentPassword?: string;
}

export class LeavingDto {
  @ApiProperty({
    type: String,
    format: 'date-time',
    example: '2026-12-06T12:00:00.000Z',
    description: 'When the account is gone. Until then signing in keeps it',
  })
  leavesAt!: Date;
}

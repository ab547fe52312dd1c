import { ApiProperty } from '@nestjs/swagger';
import { IsTypedPassword } from './password.decorators.js';

export class ConfirmDto {
  @ApiProperty({ format: 'password', maxLength: 128, example: '<the password>', writeOnly: true })
  @IsTypedPassword()
  password!: string;
}

export class ConfirmationDto {
  @ApiProperty({
    example: '<access token>',
    description: 'A new one of the same session. Those from before are confirmed too',
  })
  accessToken!: string;

  @ApiProperty({ enum: ['Bearer'], example: 'Bearer' })
  tokenType!: 'Bearer';

  @ApiProperty({ type: 'integer', example: 900, description: 'Seconds until the access token expires' })
  expiresIn!: number;

  @ApiProperty({
    type: String,
    format: 'date-time',
    example: '2026-11-29T12:10:00.000Z',
    description: 'Until when the session counts as confirmed',
  })
  confirmedUntil!: Date;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsObject, ValidateIf } from 'class-validator';
import { IsTypedPassword } from './password.decorators.js';
import { SecondFactorCode } from './second-factor-code.decorator.js';

/** One of them. */
export class ConfirmDto {
  @ApiPropertyOptional({ format: 'password', maxLength: 128, example: '<the password>', writeOnly: true })
  @ValidateIf(
    ({ totp, passkey }: ConfirmDto, value) =>
      (totp === undefined && passkey === undefined) || value !== undefined,
  )
  @IsTypedPassword()
  password?: string;

  @SecondFactorCode('In place of the password: a code of the authenticator app, or a recovery code')
  totp?: string;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    example: { id: '<id>', rawId: '<id>', type: 'public-key', response: {} },
    description: 'In place of the password: as for `POST /v1/auth/passkey`',
    writeOnly: true,
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsObject()
  passkey?: object;
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

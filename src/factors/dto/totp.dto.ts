import { ApiProperty } from '@nestjs/swagger';
import { IsString, Matches } from 'class-validator';

export class TotpDto {
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    example: '2026-11-29T12:00:00.000Z',
    description: 'Since when signing in needs a code. Null: it does not',
  })
  since!: Date | null;

  @ApiProperty({ type: 'integer', example: 10, description: 'That have not been used' })
  recoveryCodesLeft!: number;
}

export class NewTotpDto {
  @ApiProperty({ example: '<the secret>', description: 'Base32, to be typed where nothing can be scanned' })
  secret!: string;

  @ApiProperty({ example: '<otpauth address>', description: 'For a QR code, which apps scan' })
  uri!: string;
}

export class TotpCodeDto {
  @ApiProperty({ pattern: '^\\d{6}$', example: '123456', description: 'That the app shows', writeOnly: true })
  @IsString()
  @Matches(/^\d{6}$/, { message: 'code must have 6 digits' })
  code!: string;
}

export class RecoveryCodesDto {
  @ApiProperty({
    type: [String],
    example: ['<a recovery code>'],
    description: 'Each signs in once in place of a code. They are shown only here',
  })
  recoveryCodes!: string[];
}

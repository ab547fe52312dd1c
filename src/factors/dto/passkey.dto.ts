import { ApiProperty } from '@nestjs/swagger';
import { IsObject } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

const MAX_NAME = 60;

export class PasskeyNameDto {
  @ApiProperty({ minLength: 1, maxLength: MAX_NAME, example: 'My laptop' })
  @IsPlainText()
  @Length(1, MAX_NAME)
  name!: string;
}

export class NewPasskeyDto extends PasskeyNameDto {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { id: '<id>', rawId: '<id>', type: 'public-key', response: {} },
    description: 'A RegistrationResponseJSON (Web Authentication), of the options that were given out',
    writeOnly: true,
  })
  @IsObject()
  response!: object;
}

export class PasskeyProofDto {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { id: '<id>', rawId: '<id>', type: 'public-key', response: {} },
    description: 'An AuthenticationResponseJSON (Web Authentication), of the options that were given out',
    writeOnly: true,
  })
  @IsObject()
  response!: object;
}

export class PasskeyOptionsDto {
  @ApiProperty({
    type: 'object',
    additionalProperties: true,
    example: { challenge: '<challenge>', rpId: 'platforms.example.org' },
    description:
      'For the browser: the options of Web Authentication, as JSON. Good for one answer, for five minutes',
  })
  publicKey!: object;
}

export class PasskeyDto {
  @ApiProperty({ type: 'integer', example: 3 })
  id!: number;

  @ApiProperty({ example: 'My laptop' })
  name!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-29T12:00:00.000Z' })
  createdAt!: Date;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-11-29T18:00:00.000Z' })
  lastUsedAt!: Date | null;
}

export class AddedPasskeyDto extends PasskeyDto {
  @ApiProperty({
    type: [String],
    example: ['<a recovery code>'],
    description: 'With the first second factor: ten, each of which signs in once, shown only here. Else none',
  })
  recoveryCodes!: readonly string[];
}

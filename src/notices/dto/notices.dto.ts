import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean } from 'class-validator';

export class NoticesDto {
  @ApiProperty({
    example: true,
    description: 'A sign-in from a device or a network that had not been there before',
  })
  @IsBoolean()
  newSignIn!: boolean;

  @ApiProperty({ example: true, description: 'An API key was made' })
  @IsBoolean()
  apiKeyMade!: boolean;

  @ApiProperty({ example: true, description: 'An API key read credentials for the first time' })
  @IsBoolean()
  credentialsRevealed!: boolean;

  @ApiProperty({
    example: false,
    description: 'Connections that broke, and those that work again. At most one message an hour',
  })
  @IsBoolean()
  connections!: boolean;
}

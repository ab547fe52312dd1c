import { ApiProperty } from '@nestjs/swagger';
import { UserDto } from './user.dto.js';

export class SessionDto {
  @ApiProperty({ type: UserDto })
  user!: UserDto;

  @ApiProperty({ example: '<access token>', description: 'Send it as `Authorization: Bearer <token>`' })
  accessToken!: string;

  @ApiProperty({ example: '<refresh token>', description: 'Works for one refresh' })
  refreshToken!: string;

  @ApiProperty({ enum: ['Bearer'], example: 'Bearer' })
  tokenType!: 'Bearer';

  @ApiProperty({ type: 'integer', example: 900, description: 'Seconds until the access token expires' })
  expiresIn!: number;
}

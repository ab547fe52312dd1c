import { ApiProperty } from '@nestjs/swagger';
import { UserDto } from './user.dto.js';

export class SessionDto {
  @ApiProperty({ type: UserDto })
  user!: UserDto;

  @ApiProperty({ example: '<access token>', description: 'For the header `Authorization: Bearer`' })
  accessToken!: string;

  @ApiProperty({ example: '<refresh token>', description: 'Good for one refresh' })
  refreshToken!: string;

  @ApiProperty({ enum: ['Bearer'], example: 'Bearer' })
  tokenType!: 'Bearer';

  @ApiProperty({ type: 'integer', example: 900, description: 'Seconds for which the access token is good' })
  expiresIn!: number;
}

import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { UserDto } from './user.dto.js';

export class SessionDto {
  @ApiProperty({ type: UserDto })
  user!: UserDto;

  @ApiProperty({ example: '<access token>', description: 'Send it as `Authorization: Bearer <token>`' })
  accessToken!: string;

  @ApiPropertyOptional({
    example: '<refresh token>',
    description: 'Works for one refresh. Absent if `Session-Cookie` was sent: then it is in the cookie',
  })
  refreshToken!: string;

  @ApiProperty({ enum: ['Bearer'], example: 'Bearer' })
  tokenType!: 'Bearer';

  @ApiProperty({ type: 'integer', example: 900, description: 'Seconds until the access token expires' })
  expiresIn!: number;
}

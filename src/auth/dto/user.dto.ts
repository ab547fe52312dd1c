import { ApiProperty } from '@nestjs/swagger';
import { type Role, ROLES } from '../../http/auth/auth-user.js';

export class UserDto {
  @ApiProperty({ type: 'integer', example: 1 })
  id!: number;

  @ApiProperty({ format: 'email', example: 'ada@example.org', description: 'Trimmed and lower-case' })
  email!: string;

  @ApiProperty({ enum: ROLES, example: 'user' })
  role!: Role;
}

export class MeDto extends UserDto {
  @ApiProperty({ example: true, description: 'Whether a link that was sent to `email` has been opened' })
  emailVerified!: boolean;
}

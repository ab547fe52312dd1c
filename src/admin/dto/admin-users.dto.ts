import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional, ApiQuery } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsOptional, Matches, Max, Min, ValidateIf } from 'class-validator';
import { ROLES, type Role } from '../../http/auth/auth-user.js';
import { EmailField } from '../../http/email-field.decorator.js';
import { Length } from '../../http/length.decorator.js';
import { IsCursor } from '../../http/page-cursor.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';
import { WholeNumber, YesOrNo } from '../../http/query.pipe.js';
import { USER_SORTS, type UserSort, userPlaceOf } from '../../users/user-search.js';

export const MAX_USERS = 100;
const MAX_INVITATION_DAYS = 30;
const IS_GIVEN = ValidateIf((_, value) => value !== undefined);

export class AdminUsersQuery {
  @IsOptional()
  @IsPlainText()
  @Length(3, 100)
  @Matches(/[\p{L}\p{N}]{3}/u, { message: 'search must have three letters or digits in a row' })
  search?: string;

  @IsOptional()
  @IsIn(ROLES)
  role?: Role;

  @IsOptional()
  @YesOrNo()
  disabled?: boolean;

  @IsOptional()
  @IsIn(USER_SORTS)
  sort?: UserSort;

  @IsOptional()
  @WholeNumber(MAX_USERS)
  limit?: number;

  @IsOptional()
  @IsCursor(userPlaceOf)
  cursor?: string;
}

/** Documents AdminUsersQuery. */
export function ApiAdminUsersQuery(): MethodDecorator {
  const one = { required: false } as const;
  return applyDecorators(
    ApiQuery({
      ...one,
      name: 'search',
      description: 'Part of the e-mail address, with at least three letters or digits in a row',
      schema: { type: 'string', minLength: 3, maxLength: 100, example: 'ada@' },
    }),
    ApiQuery({ ...one, name: 'role', schema: { type: 'string', enum: [...ROLES] } }),
    ApiQuery({ ...one, name: 'disabled', schema: { type: 'boolean' } }),
    ApiQuery({ ...one, name: 'sort', schema: { type: 'string', enum: [...USER_SORTS], default: 'id' } }),
    ApiQuery({
      ...one,
      name: 'limit',
      schema: { type: 'integer', minimum: 1, maximum: MAX_USERS, default: 20 },
    }),
    ApiQuery({
      ...one,
      name: 'cursor',
      description: 'From the `Link` header with `rel="next"` of the previous page',
      schema: { type: 'string' },
    }),
  );
}

export class ManagedUserDto {
  @ApiProperty({ type: 'integer', example: 1 })
  id!: number;

  @ApiProperty({ format: 'email', example: 'ada@example.org' })
  email!: string;

  @ApiProperty({ enum: ROLES, example: 'user' })
  role!: Role;

  @ApiProperty({ example: false })
  disabled!: boolean;

  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'The OpenID provider that the user signs in with; null for a password',
  })
  oidcIssuer!: string | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;

  @ApiProperty({ type: String, format: 'date-time', nullable: true, example: '2026-11-22T18:00:00.000Z' })
  lastActiveAt!: Date | null;

  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    example: null,
    description: 'When the account of somebody who has deleted it is gone; null if nobody has',
  })
  leavesAt!: Date | null;
}

export class AdminUsersPageDto {
  @ApiProperty({ type: ManagedUserDto, isArray: true, description: 'Ordered by id' })
  items!: ManagedUserDto[];
}

export class ChangeUserDto {
  @ApiPropertyOptional({ enum: ROLES, example: 'admin' })
  @IS_GIVEN
  @IsIn(ROLES)
  role?: Role;

  @ApiPropertyOptional({ example: true })
  @IS_GIVEN
  @IsBoolean()
  disabled?: boolean;
}

export class InviteDto {
  @IS_GIVEN
  @EmailField({ required: false, description: 'The only address that may use it; without it any may' })
  email?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_INVITATION_DAYS, default: 7, example: 7 })
  @IS_GIVEN
  @IsInt()
  @Min(1)
  @Max(MAX_INVITATION_DAYS)
  days?: number;
}

export class InvitationDto {
  @ApiProperty({ type: 'integer', example: 7 })
  id!: number;

  @ApiProperty({
    type: String,
    nullable: true,
    format: 'email',
    example: null,
    description: 'The only address that may use it; null if any may',
  })
  email!: string | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-29T12:00:00.000Z' })
  expiresAt!: Date;
}

export class NewInvitationDto extends InvitationDto {
  @ApiProperty({
    example: '<token of the invitation>',
    description: 'For `invitation` of `POST /v1/auth/register`. Shown only here',
  })
  token!: string;

  @ApiProperty({ example: false, description: 'Whether a link of its own is on its way to `email`' })
  mailed!: boolean;
}

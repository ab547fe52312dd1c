import { ApiProperty } from '@nestjs/swagger';
import { AUDIT_ACTIONS, AUDIT_ACTORS, type AuditAction, type AuditActor } from '../audit-actions.js';

export class AuditEntryDto {
  @ApiProperty({ type: 'integer', example: 815, description: 'Without gaps over all users' })
  id!: number;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  at!: Date;

  @ApiProperty({ enum: AUDIT_ACTIONS, enumName: 'AuditAction' })
  action!: AuditAction;

  @ApiProperty({
    type: String,
    example: 'revealed',
    description: '`done`, or what came of it: for a reveal `revealed`, or the reason for the refusal',
  })
  outcome!: string;

  @ApiProperty({
    enum: AUDIT_ACTORS,
    enumName: 'AuditActor',
    description: '`operator`: at the command line; `system`: the application by itself',
  })
  actor!: AuditActor;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 7,
    description: 'Who did it; if it was not a user, whose account it concerns. Null for neither',
  })
  userId!: number | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: 'The API key that was used; null for a session',
  })
  apiKeyId!: number | null;

  @ApiProperty({ type: 'integer', nullable: true, example: 42 })
  platformId!: number | null;

  @ApiProperty({ example: 'Publishing scheduled post 4711', description: 'In the words of the user' })
  reason!: string;

  @ApiProperty({ example: '', description: 'More about the action, such as `API key 5`' })
  detail!: string;

  @ApiProperty({ example: '203.0.113.7', description: 'Client address of the request' })
  address!: string;

  @ApiProperty({
    example: '1d7ad04e-58f6-4b0c-a6b4-3f2c1ef4c8d2',
    description: '`X-Request-Id` of the answer',
  })
  requestId!: string;
}

export class AuditPageDto {
  @ApiProperty({ type: [AuditEntryDto], description: 'Newest first; with `after` oldest first' })
  entries!: AuditEntryDto[];

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: '`before` of the next page; null on the last page, and with `after`',
  })
  nextBefore!: number | null;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: '`after` of the next page; null on an empty page, and without `after`',
  })
  nextAfter!: number | null;
}

import { ApiProperty } from '@nestjs/swagger';
import {
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
  type AuditAction,
  type AuditOutcome,
} from '../../audit/audit-actions.js';

class AuditEntryDto {
  @ApiProperty({ type: 'integer', example: 815 })
  id!: number;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  at!: Date;

  @ApiProperty({ enum: AUDIT_ACTIONS, enumName: 'AuditAction' })
  action!: AuditAction;

  @ApiProperty({
    enum: AUDIT_OUTCOMES,
    enumName: 'AuditOutcome',
    description: '`revealed`, or the reason for the refusal',
  })
  outcome!: AuditOutcome;

  @ApiProperty({ type: 'integer', example: 7 })
  userId!: number;

  @ApiProperty({ type: 'integer', nullable: true, example: null, description: 'Null for your own session' })
  apiKeyId!: number | null;

  @ApiProperty({ type: 'integer', example: 42 })
  platformId!: number;

  @ApiProperty({ example: 'Publishing scheduled post 4711' })
  reason!: string;

  @ApiProperty({ example: '203.0.113.7', description: 'Client address of the request' })
  address!: string;

  @ApiProperty({ example: '1d7ad04e-58f6-4b0c-a6b4-3f2c1ef4c8d2' })
  requestId!: string;
}

export class AuditPageDto {
  @ApiProperty({ type: [AuditEntryDto], description: 'Newest first' })
  entries!: AuditEntryDto[];

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: null,
    description: '`before` of the next page; null on the last page',
  })
  nextBefore!: number | null;
}

import { ApiProperty } from '@nestjs/swagger';
import { CHECK_OUTCOMES, type CheckOutcome } from '../../instances/check-outcome.js';

/** Checks in a row that found the same. */
export class CheckRunDto {
  @ApiProperty({ enum: CHECK_OUTCOMES, enumName: 'CheckOutcome', example: 'connected' })
  outcome!: CheckOutcome;

  @ApiProperty({ example: 'The instance accepts the access token.', description: 'Of the last of them' })
  detail!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  firstAt!: Date;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-24T12:00:00.000Z' })
  lastAt!: Date;

  @ApiProperty({ type: 'integer', example: 48, description: 'How many there were' })
  checks!: number;

  @ApiProperty({
    type: 'integer',
    nullable: true,
    example: 184,
    description: 'Milliseconds that the last one took; null if there was no answer',
  })
  latencyMs!: number | null;
}

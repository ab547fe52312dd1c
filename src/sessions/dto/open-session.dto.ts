import { ApiProperty } from '@nestjs/swagger';

export class OpenSessionDto {
  @ApiProperty({ type: 'integer', example: 12 })
  id!: number;

  @ApiProperty({
    example: 'Firefox on Windows',
    description: 'What the client said of itself when it last signed in or refreshed; empty if nothing',
  })
  device!: string;

  @ApiProperty({ example: '203.0.113.7', description: 'From where that was; empty if unknown' })
  address!: string;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:00:00.000Z' })
  createdAt!: Date;

  @ApiProperty({
    type: String,
    format: 'date-time',
    example: '2026-11-22T18:00:00.000Z',
    description: 'When it last signed in or refreshed: up to the life of an access token ago',
  })
  lastSeenAt!: Date;

  @ApiProperty({ example: true, description: 'Whether this request belongs to it' })
  current!: boolean;
}

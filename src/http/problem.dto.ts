import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';

/** One invalid field of a request. */
export class FieldProblemDto {
  @ApiProperty({ example: '/name', description: 'JSON pointer into the body, or `#name` of a parameter' })
  pointer!: string;

  @ApiProperty({ example: 'name must have 1 to 100 characters' })
  detail!: string;
}

/** RFC 9457 problem details, `application/problem+json`. */
export class ProblemDto {
  @ApiProperty({
    example: 'https://api.example.org/problems/platform_not_found',
    description: 'Explains the problem',
  })
  type!: string;

  @ApiProperty({ example: 'Platform connection not found' })
  title!: string;

  @ApiProperty({ type: 'integer', example: 404 })
  status!: number;

  @ApiProperty({ example: 'No platform connection has this id.' })
  detail!: string;

  @ApiProperty({ example: '/v1/platforms/4711', description: 'The requested path' })
  instance!: string;

  @ApiProperty({ example: 'platform_not_found', description: 'Stable; meant for programs' })
  code!: string;

  @ApiProperty({
    example: '3f0c2b7e-5d1a-4a4e-9c57-0c8f6f1d2a90',
    description: 'Also in the X-Request-Id header and in every log line',
  })
  requestId!: string;

  @ApiPropertyOptional({ type: [FieldProblemDto], description: 'On 400: each invalid field and why' })
  errors?: FieldProblemDto[];
}

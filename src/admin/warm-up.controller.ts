import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiOperation,
  ApiProperty,
  ApiPropertyOptional,
  ApiTags,
} from '@nestjs/swagger';
import { IsInt, Max, Min, ValidateIf } from 'class-validator';
import { problem } from '../common/domain-error.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { WarmUpRunner } from './warm-up-runner.js';

const DEFAULT_USERS = 1000;
const MAX_USERS = 1_000_000;

class WarmUpDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_USERS,
    default: DEFAULT_USERS,
    example: 100,
    description: 'How many users to warm, most recently active first',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsInt()
  @Min(1)
  @Max(MAX_USERS)
  users?: number;
}

class WarmUpStartedDto {
  @ApiProperty({ type: 'integer', example: 100, description: 'Maximum number of users that are warmed' })
  users!: number;
}

class WarmUpRunning extends problem(409, 'warm_up_running', 'Already warming') {
  constructor() {
    super('This process is already warming the cache. Its log shows the progress.');
  }
}

@ApiTags('admin')
@Controller('v1/admin/cache/warm')
export class WarmUpController {
  constructor(private readonly runner: WarmUpRunner) {}

  @Post()
  @HttpCode(202)
  @Authenticated('admin')
  @ApiOperation({
    summary: 'Warm the cache',
    description:
      'Loads the entries of the most recently active users, in the background and at lower priority than any request.',
  })
  @ApiAcceptedResponse({ type: WarmUpStartedDto })
  @ApiProblems([400, 409, 413, 415, 503], new WarmUpRunning())
  warm(@Body() { users = DEFAULT_USERS }: WarmUpDto): WarmUpStartedDto {
    if (!this.runner.begin(users)) throw new WarmUpRunning();
    return { users };
  }
}

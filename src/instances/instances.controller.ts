import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { RateLimit } from '../http/rate-limit.decorator.js';
import { InstanceDto, LookupInstanceDto } from './dto/instance.dto.js';
import { InstanceRefused } from './instances.errors.js';
import { InstancesService } from './instances.service.js';

@ApiTags('instances')
@Controller('v1/instances')
export class InstancesController {
  constructor(private readonly instances: InstancesService) {}

  @Post('lookup')
  @RateLimit('strict')
  @HttpCode(200)
  @Authenticated('platforms:read')
  @ApiOperation({
    summary: 'Look up the software of an instance and whether it is supported',
    description:
      'A handle leads to its instance also where that has another domain, and a handle or DID of Bluesky to its server. On 400, `code` gives the reason: ' +
      '`validation_failed`, `blocked_address`, `instance_unreachable`, `instance_error`, `not_an_instance`, ' +
      '`instance_blocks_programs` or `instance_moved`; the last one says where.',
  })
  @ApiOkResponse({ type: InstanceDto })
  @ApiProblems(
    [400, 413, 415, 429, 503],
    new InstanceRefused('not_an_instance', 'This server is not a Fediverse instance.'),
  )
  async lookup(@Body() { instance }: LookupInstanceDto): Promise<InstanceDto> {
    return this.instances.describe(instance);
  }
}

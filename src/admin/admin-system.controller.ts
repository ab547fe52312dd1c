import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { SystemDto } from './dto/system.dto.js';
import { SystemFigures } from './system-figures.js';

@ApiTags('admin')
@Controller('v1/admin/system')
export class AdminSystemController {
  constructor(private readonly figures: SystemFigures) {}

  @Get()
  @Header('Cache-Control', 'no-store')
  @Authenticated('admin')
  @ApiOperation({
    summary: 'How the server is doing',
    description:
      'Versions, pool, breaker, outbox, mail, what the watcher has to do, how far a key rotation is, and recent errors. Pool, ' +
      'breaker and errors are those of the responding process; for all of them see /metrics.',
  })
  @ApiOkResponse({ type: SystemDto })
  @ApiProblems([503])
  async read(): Promise<SystemDto> {
    return this.figures.read();
  }
}

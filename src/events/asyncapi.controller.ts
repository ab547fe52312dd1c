import { readFileSync } from 'node:fs';
import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { projectFile } from '../common/project-file.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';

@ApiTags('events')
@Controller('asyncapi.json')
export class AsyncApiController {
  private text: string | undefined;

  @Get()
  @Public()
  @Header('Content-Type', 'application/json; charset=utf-8')
  @ApiOperation({ summary: 'AsyncAPI document of the Socket.IO events' })
  @ApiProblems([429])
  @ApiOkResponse({ schema: { type: 'object', example: { asyncapi: '3.0.0' } } })
  read(): string {
    this.text ??= readFileSync(projectFile('docs/asyncapi.json'), 'utf8');
    return this.text;
  }
}

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Public } from '../http/auth/access.js';

/** The path is the same from src/ and from dist/. */
const FILE = fileURLToPath(new URL('../../docs/asyncapi.json', import.meta.url));

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
    this.text ??= readFileSync(FILE, 'utf8');
    return this.text;
  }
}

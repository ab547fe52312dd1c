import { Body, Controller, Headers, HttpCode, NotFoundException, Post, Req, Res } from '@nestjs/common';
import { ApiBody, ApiHeader, ApiOkResponse, ApiOperation, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppConfig } from '../config/app-config.js';
import { ApiProblems } from '../http/api-problems.decorator.js';
import { Authenticated } from '../http/auth/access.js';
import { NarrowedToPolicy } from '../http/auth/platform-reach.js';
import { CALL_TIMEOUT_MS } from './call-api.js';
import { InnerApi } from './inner-api.js';
import { McpService } from './mcp.service.js';

const LIST_TOOLS = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

@ApiTags('agents')
@Controller('mcp')
export class McpController {
  constructor(
    private readonly mcp: McpService,
    private readonly api: InnerApi,
    private readonly config: AppConfig,
  ) {}

  // Limited to connections or not: each tool asks the API again, with the same key.
  @Post()
  @HttpCode(200)
  @Authenticated('platforms:read')
  @NarrowedToPolicy()
  @ApiOperation({
    summary: 'MCP: tools for agents',
    description:
      'The Model Context Protocol over streamable HTTP, without sessions; for clients of that protocol. The tools list ' +
      'connections, check one, and send requests through the proxy, with the rights of the key that is sent here. 404 unless ' +
      '`MCP_ENABLED`.',
  })
  @ApiHeader({ name: 'MCP-Protocol-Version', required: false, example: '2025-06-18' })
  @ApiBody({ schema: { type: 'object', additionalProperties: true, example: LIST_TOOLS } })
  @ApiOkResponse({
    description: 'A JSON-RPC answer',
    schema: {
      type: 'object',
      additionalProperties: true,
      example: { jsonrpc: '2.0', id: 1, result: { tools: [] } },
    },
  })
  @ApiResponse({ status: 202, description: 'A notification: nothing to answer' })
  @ApiProblems([400, 404, 413, 415, 503])
  async post(
    @Body() message: unknown,
    @Headers('mcp-protocol-version') version: string | undefined,
    @Headers('authorization') authorization: string,
    @Req() { ip: address }: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string | undefined> {
    if (!this.config.mcpEnabled) throw new NotFoundException();
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, AbortSignal.timeout(CALL_TIMEOUT_MS)]);
    const answer = await this.mcp.answer(message, version, (request) =>
      this.api.call(request, { authorization, address, signal }),
    );
    reply.header('Cache-Control', 'no-store');
    if (answer === null) {
      reply.code(202);
      return undefined;
    }
    reply.header('Content-Type', 'application/json; charset=utf-8');
    return answer;
  }
}

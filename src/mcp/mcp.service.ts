import { Injectable } from '@nestjs/common';
import { InvalidField } from '../common/domain-error.js';
import type { CallApi } from './call-api.js';

/** The address is not looked at: the route is known, and who asks as well. */
const HERE = 'http://localhost/mcp';

/** MCP over streamable HTTP, without sessions: each request is answered by a server of its own, as JSON. */
@Injectable()
export class McpService {
  /**
   * @param version the header `MCP-Protocol-Version`, if there was one.
   * @returns JSON text; null where there is nothing to answer.
   * @throws {InvalidField} for what is no message of the protocol.
   */
  async answer(message: unknown, version: string | undefined, call: CallApi): Promise<string | null> {
    // Batches, which the protocol had once, would multiply what one request costs.
    if (typeof message !== 'object' || message === null || Array.isArray(message))
      throw invalid('must be one JSON-RPC message');
    // Here, so that processes without MCP do not load it.
    const { toolServer } = await import('./tools.js');
    const { WebStandardStreamableHTTPServerTransport } = await import('@modelcontextprotocol/server');
    const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
    const server = toolServer(call);
    await server.connect(transport);
    try {
      const headers = {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...(version !== undefined && { 'mcp-protocol-version': version }),
      };
      const request = new Request(HERE, { method: 'POST', headers });
      const response = await transport.handleRequest(request, { parsedBody: message });
      const text = await response.text();
      if (response.status >= 400) throw invalid(reasonIn(text));
      return text === '' ? null : text;
    } finally {
      await server.close();
    }
  }
}

const invalid = (detail: string): InvalidField => new InvalidField([{ pointer: '', detail }]);

function reasonIn(text: string): string {
  const { error } = JSON.parse(text) as { error: { message: string } };
  return error.message;
}

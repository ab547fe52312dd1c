import { Client, StreamableHTTPClientTransport, type Transport } from '@modelcontextprotocol/client';
import type { Exchange } from '../../support/http-client.js';

export interface ToolAnswer {
  readonly isError: boolean;
  readonly text: string;
}

/** An agent, with the SDK's own client. */
export class Agent {
  private constructor(readonly client: Client) {}

  static async over(transport: Transport): Promise<Agent> {
    const client = new Client({ name: 'test', version: '1' });
    await client.connect(transport);
    return new Agent(client);
  }

  /** @param exchanges gets what goes over the wire. */
  static at(
    baseUrl: string,
    key: string,
    exchanges: Exchange[],
    path = '/mcp',
    address = '127.0.0.1',
  ): Promise<Agent> {
    const recorded: typeof fetch = async (input, init) => {
      const answer = await fetch(input, init);
      exchanges.push({
        method: init?.method ?? 'GET',
        path: '/mcp',
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        text: await answer.clone().text(),
      });
      return answer;
    };
    const transport = new StreamableHTTPClientTransport(new URL(path, baseUrl), {
      requestInit: { headers: { Authorization: `Bearer ${key}`, 'X-Forwarded-For': address } },
      fetch: recorded,
    });
    // Its `sessionId` may be undefined, which the interface does not say.
    return Agent.over(transport as Transport);
  }

  async call(name: string, given: Record<string, unknown> = {}): Promise<ToolAnswer> {
    const { isError, content } = await this.client.callTool({ name, arguments: given });
    const [part] = content as { type: string; text: string }[];
    return { isError: isError === true, text: part?.text ?? '' };
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

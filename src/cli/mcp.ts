import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import type { Command } from 'commander';
import { CommandFailed } from './command-failed.js';
import { secretSetting } from './transfer/secret-setting.js';

const DEFAULT_URL = 'http://localhost:3000';

/** Adds `mcp`. It needs no database: it asks a server that runs, with an API key. */
export function registerMcp(program: Command): void {
  program
    .command('mcp')
    .description(
      'serve the tools for agents on standard input and output (Model Context Protocol), with the API key in MCP_API_KEY',
    )
    .option('--url <url>', 'the server, with its base path', DEFAULT_URL)
    .action(({ url }: { url: string }) => serve(url));
}

async function serve(url: string): Promise<void> {
  const key = secretSetting('MCP_API_KEY');
  if (key === null)
    throw new CommandFailed('MCP_API_KEY, or the file that MCP_API_KEY_FILE names, must have an API key.');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new CommandFailed('--url must be the http:// or https:// address of a server.');
  const { protocol, hostname, port, pathname } = new URL(url);
  const basePath = pathname.replace(/\/$/, '');
  const { StdioServerTransport } = await import('@modelcontextprotocol/server/stdio');
  const { CALL_TIMEOUT_MS, callApi } = await import('../mcp/call-api.js');
  const { toolServer } = await import('../mcp/tools.js');
  const server = toolServer((request) =>
    callApi(
      { ...request, path: basePath + request.path },
      {
        // The brackets of an IPv6 address belong to URLs alone.
        ...{ protocol, hostname: hostname.replace(/^\[|\]$/g, ''), port },
        headers: { authorization: `Bearer ${key}` },
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      },
      protocol === 'https:' ? overHttps : overHttp,
    ),
  );
  // Ends with standard input.
  await server.connect(new StdioServerTransport());
}

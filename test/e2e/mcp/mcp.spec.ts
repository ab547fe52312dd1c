import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { runCli } from '../../support/cli.js';
import { type Person, createPlatform, platformInput, register, unique } from '../../support/factories.js';
import { expectProblem } from '../../support/problems.js';
import { ScriptedInstance } from '../../support/scripted-instance.js';
import { Agent } from './mcp-tools.js';

const MESSAGE = { jsonrpc: '2.0', id: 1, method: 'tools/list' };

let backends: Backends;
let scripted: ScriptedInstance;
let app: TestApp;
let owner: Person;
let connection: { id: number; token: string };
const agents: Agent[] = [];

beforeAll(async () => {
  scripted = await ScriptedInstance.start();
  backends = await Backends.create();
  const env = { MCP_ENABLED: 'true', BASE_PATH: '/', INSTANCE_HOST_ALLOWLIST: scripted.host };
  app = await startTestApp({ backends, env });
  owner = await register(app.client, backends.secrets);
  connection = await connected({ name: 'Mine', labels: { for: 'agents' } });
});
beforeEach(() => {
  scripted.received.length = 0;
  scripted.answer = (_request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"ok":true}');
  };
});
afterAll(async () => {
  for (const agent of agents) await agent.close();
  await app.expectCleanRecord();
  await app.close();
  await backends.remove();
  await scripted.close();
});

async function connected(own: object = {}): Promise<{ id: number; token: string }> {
  const input = platformInput(backends.secrets, { instanceUrl: scripted.origin, ...own });
  const { id } = await createPlatform(owner, backends.secrets, input);
  return { id, token: input.accessToken };
}

async function keyFor(scopes: string[], policy?: object): Promise<string> {
  const made = await owner.client.post('/v1/api-keys', { name: unique(), scopes, policy });
  return made.json<{ key: string }>().key;
}

async function agentWith(key: string): Promise<Agent> {
  const agent = await Agent.at(app.baseUrl, key, backends.exchanges);
  agents.push(agent);
  return agent;
}

const ALL = ['platforms:read', 'platforms:write', 'platforms:use', 'credentials:read'];

describe('POST /mcp', () => {
  it('lists connections, checks one and reads at its instance, and no answer has a credential', async () => {
    const agent = await agentWith(await keyFor(ALL));
    expect((await agent.client.listTools()).tools.map(({ name }) => name)).toEqual([
      'list_connections',
      'check_connection',
      'send_request',
    ]);
    const listed = await agent.call('list_connections', { label: 'for=agents' });
    expect(JSON.parse(listed.text)).toMatchObject({
      connections: [{ id: connection.id, name: 'Mine', labels: { for: 'agents' } }],
      nextCursor: null,
    });
    const none = await agent.call('list_connections', { search: 'no such name' });
    expect(JSON.parse(none.text)).toEqual({ connections: [], nextCursor: null });

    const checked = await agent.call('check_connection', { id: connection.id });
    expect(checked.isError).toBe(false);
    expect(JSON.parse(checked.text)).toHaveProperty('outcome');

    scripted.received.length = 0;
    const read = await agent.call('send_request', { id: connection.id, path: '/api/v1/x?limit=5' });
    expect(read).toMatchObject({ isError: false });
    expect(read.text).toMatch(/^HTTP 200\n[^]*content-type: application\/json\n[^]*\n\{"ok":true\}$/);
    expect(scripted.received).toMatchObject([{ url: '/api/v1/x?limit=5' }]);
    expect(scripted.received[0]?.headers.authorization).toBe(`Bearer ${connection.token}`);
    for (const { text } of [listed, checked, read]) expect(backends.secrets.foundIn(text)).toEqual([]);
  });

  it('goes through all pages of a list', async () => {
    const many = await register(app.client, backends.secrets);
    for (let n = 0; n < 51; n++)
      await createPlatform(many, backends.secrets, { name: `Number ${String(n).padStart(2, '0')}` });
    const agent = await agentWith(many.accessToken);
    const first = JSON.parse((await agent.call('list_connections')).text) as Page;
    const second = JSON.parse(
      (await agent.call('list_connections', { cursor: first.nextCursor })).text,
    ) as Page;
    expect([first.connections.length, second.connections.map(({ name }) => name)]).toEqual([
      50,
      ['Number 50'],
    ]);
    expect(second.nextCursor).toBeNull();
  });

  it('refuses what the policy and the scopes of the key refuse, in words, and sends nothing', async () => {
    const reader = await agentWith(await keyFor(['platforms:read', 'platforms:use']));
    const write = { id: connection.id, method: 'POST', path: '/api/v1/statuses', body: { status: 'x' } };
    for (const [agent, tool, given, code] of [
      [reader, 'send_request', write, 'policy_refused'],
      [reader, 'check_connection', { id: connection.id }, 'forbidden'],
      [
        await agentWith(await keyFor(['platforms:read'])),
        'send_request',
        { ...write, method: 'GET' },
        'forbidden',
      ],
      [reader, 'send_request', { id: 2_000_000_000, path: '/' }, 'platform_not_found'],
      [reader, 'send_request', { id: connection.id, path: '/../x' }, 'validation_failed'],
    ] as const) {
      const refused = await agent.call(tool, given);
      expect(refused).toMatchObject({ isError: true });
      expect(refused.text).toContain(`"code":"${code}"`);
    }
    const malformed = await reader.call('send_request', { id: 'x', path: 'no slash' });
    expect(malformed.isError).toBe(true);
    expect(scripted.received).toEqual([]);

    const other = await connected();
    const limited = await agentWith(await keyFor(ALL, { platformIds: [connection.id], perMinute: 1 }));
    const { connections } = JSON.parse((await limited.call('list_connections')).text) as Page;
    expect(connections.map(({ id }) => id)).toEqual([connection.id]);
    expect((await limited.call('send_request', { id: other.id, path: '/' })).text).toContain(
      'policy_refused',
    );
    expect((await limited.call('send_request', { id: connection.id, path: '/' })).isError).toBe(false);
    expect((await limited.call('send_request', { id: connection.id, path: '/' })).text).toContain(
      'rate_limited',
    );
  });

  it('writes with a key that may, and the audit trail has it, with the key and the address of the agent', async () => {
    const agent = await agentWith(await keyFor(ALL, { methods: ['POST'], addresses: ['127.0.0.1'] }));
    const body = { status: 'Hello' };
    const written = await agent.call('send_request', {
      ...{ id: connection.id, method: 'POST', path: '/api/v1/statuses', body },
    });
    expect(written.isError).toBe(false);
    expect(scripted.received).toMatchObject([{ method: 'POST', url: '/api/v1/statuses' }]);
    const { entries } = (await owner.client.get('/v1/audit?action=proxy.request')).json<{
      entries: { apiKeyId: number; address: string; detail: string }[];
    }>();
    expect(entries[0]).toMatchObject({ address: '127.0.0.1', detail: 'POST /api/v1/statuses' });
    expect(entries[0]?.apiKeyId).toEqual(expect.any(Number));

    const elsewhere = await keyFor(ALL, { addresses: ['203.0.113.7'] });
    await expect(agentWith(elsewhere)).rejects.toThrow('policy_refused');
  });

  it('shows at most 64 KiB of an answer, and ends the rest', async () => {
    let closed = false;
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' });
      response.on('close', () => (closed = true));
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
        response.once('drain', more);
      };
      more();
    };
    const agent = await agentWith(await keyFor(ALL));
    const { text } = await agent.call('send_request', { id: connection.id, path: '/endless' });
    expect(text.length).toBeLessThan(66_000);
    expect(text).toMatch(/\n\(cut off after 65536 bytes\)$/);
    await waitUntil(async () => closed, { timeoutMs: 10_000, what: 'the instance to be left alone' });
  });

  it('shows no answer with the credential in it, and no bytes that are not text', async () => {
    const agent = await agentWith(await keyFor(ALL));
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end(`you sent ${connection.token}`);
    };
    const echoed = await agent.call('send_request', { id: connection.id, path: '/echo' });
    expect(echoed.isError).toBe(true);
    expect(echoed.text).toContain('credential_echoed');
    expect(echoed.text).not.toContain(connection.token);
    // Later than the first bytes, which the proxy has sent on by then.
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'text/plain' }).write('x'.repeat(20_000));
      setImmediate(() => response.end(connection.token));
    };
    const late = await agent.call('send_request', { id: connection.id, path: '/late' });
    expect(late.isError).toBe(true);
    expect(late.text).not.toContain(connection.token);
    scripted.answer = (_request, response) => {
      response.writeHead(200, { 'Content-Type': 'image/png' }).end(Buffer.from([1, 2, 3]));
    };
    const picture = await agent.call('send_request', { id: connection.id, path: '/x.png' });
    expect(picture.text).toContain('(not text: not shown)');
  });

  it('needs a key, takes one message of the protocol, and answers a notification with nothing', async () => {
    expectProblem(await app.client.post('/mcp', MESSAGE), 401, 'unauthenticated');
    await expect(agentWith(`pmk_${'x'.repeat(8)}_${'y'.repeat(43)}`)).rejects.toThrow('unauthenticated');
    const worker = app.client.as({ accessToken: await keyFor(['activities:write']) });
    expectProblem(await worker.post('/mcp', MESSAGE), 403, 'forbidden');
    for (const body of [[MESSAGE, MESSAGE], [], {}, { jsonrpc: '2.0' }])
      expectProblem(await owner.client.post('/mcp', body), 400, 'validation_failed', ['']);
    expectProblem(
      await owner.client.post('/mcp', MESSAGE, { 'MCP-Protocol-Version': '1999-01-01' }),
      400,
      'validation_failed',
      [''],
    );
    const noted = await owner.client.post('/mcp', { jsonrpc: '2.0', method: 'notifications/initialized' });
    expect([noted.status, noted.text]).toEqual([202, '']);
    expect((await owner.client.get('/mcp')).status).toBe(405);
  });

  it('works below a base path and behind a proxy, and a tool counts for the address of its agent', async () => {
    const env = {
      ...{ MCP_ENABLED: 'true', BASE_PATH: '/pm/', TRUST_PROXY: 'true' },
      ...{ RATE_LIMIT_ENABLED: 'true', RATE_LIMIT_ADDRESS_PER_MINUTE: '9' },
    };
    const below = await startTestApp({ backends, env });
    const key = await keyFor(ALL);
    const agent = await Agent.at(below.baseUrl, key, backends.exchanges, '/pm/mcp', '198.51.100.7');
    agents.push(agent);
    // The agent has sent three by now: initialize, its notification, and a GET.
    for (const isError of [false, false, false])
      expect(await agent.call('list_connections', { label: 'for' })).toMatchObject({ isError });
    await expect(agent.call('list_connections')).rejects.toThrow('rate_limited');
    const another = await Agent.at(below.baseUrl, key, backends.exchanges, '/pm/mcp', '198.51.100.8');
    agents.push(another);
    expect(await another.call('list_connections')).toMatchObject({ isError: false });
    await below.close();
  });

  it('is off by default', async () => {
    const off = await startTestApp({ backends });
    expectProblem(await off.client.as(owner).post('/mcp', MESSAGE), 404, 'route_not_found');
    await off.close();
  });
});

describe('npm run cli -- mcp', () => {
  async function stdio(key: string): Promise<Agent> {
    const { PATH = '' } = process.env;
    const agent = await Agent.over(
      new StdioClientTransport({
        command: process.execPath,
        args: ['dist/cli/main.js', 'mcp', '--url', app.baseUrl],
        env: { PATH, MCP_API_KEY: key },
      }),
    );
    agents.push(agent);
    return agent;
  }

  it('serves the same tools on standard input and output, with an API key and nothing else', async () => {
    const agent = await stdio(await keyFor(['platforms:read', 'platforms:use']));
    expect(JSON.parse((await agent.call('list_connections', { label: 'for' })).text)).toMatchObject({
      connections: [{ id: connection.id }],
    });
    const read = await agent.call('send_request', { id: connection.id, path: '/api/v1/x' });
    expect(read.text).toMatch(/^HTTP 200\n/);
    const write = { id: connection.id, method: 'DELETE', path: '/api/v1/statuses/1' };
    expect((await agent.call('send_request', write)).text).toContain('policy_refused');

    const wrong = await stdio('pmk_wrong');
    expect((await wrong.call('list_connections')).text).toContain('unauthenticated');
  });

  it('says in one line what it lacks', async () => {
    expect(await runCli(['mcp'], {})).toEqual({
      code: 1,
      stdout: '',
      stderr: 'MCP_API_KEY, or the file that MCP_API_KEY_FILE names, must have an API key.\n',
    });
    const wrong = await runCli(['mcp', '--url', 'ftp://x'], { MCP_API_KEY: 'x' });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^--url must be/) });
  });
});

interface Page {
  readonly connections: { readonly id: number; readonly name: string }[];
  readonly nextCursor: string | null;
}

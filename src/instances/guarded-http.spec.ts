import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { BlockedAddress, InstanceUnreachable } from './guarded-http.errors.js';
import { GuardedHttp } from './guarded-http.js';
import type { Resolve } from './host-names.js';

const PUBLIC = { address: '93.184.215.14', family: 4 };
const INSIDE = { address: '127.0.0.1', family: 4 };

function client(resolve: Resolve, allowlist: string[] = []): GuardedHttp {
  return new GuardedHttp({ allowlist: new Set(allowlist), userAgent: 'Test/1', resolve, timeoutMs: 2000 });
}

describe('GuardedHttp', () => {
  let server: Server;
  let port: number;
  let accepted = 0;
  let dialled: string[] = [];

  beforeAll(async () => {
    // Listens on both families, so that a request is never refused only because the port is closed.
    server = createServer((socket) => {
      accepted += 1;
      socket.destroy();
    }).listen(0, '::');
    await once(server, 'listening');
    port = (server.address() as AddressInfo).port;
  });
  afterAll(() => {
    server.close();
  });

  beforeEach(() => {
    accepted = 0;
    dialled = [];
    // Replaces every connection of this process. Calls the given lookup to record which addresses it would dial.
    jest.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
      const [options] = (Array.isArray(args[0]) ? args[0] : args) as [
        {
          host: string;
          lookup: (
            host: string,
            options: object,
            done: (error: unknown, found: { address: string }[]) => void,
          ) => void;
        },
      ];
      options.lookup(options.host, { all: true }, (_: unknown, found: { address: string }[]) => {
        dialled.push(...found.map(({ address }) => address));
        process.nextTick(() => this.destroy(new Error('not in a test')));
      });
      return this;
    });
  });
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const expectNoConnection = (): void => {
    expect(dialled).toEqual([]);
    expect(accepted).toBe(0);
  };

  const INSIDE_URLS = [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.0.0.1./',
    'https://0/',
    'https://0.0.0.0/',
    'https://①②⑦.0.0.1/',
    'https://[::]/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:169.254.169.254]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fc00::1]/',
    'https://[fd00:ec2::254]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.100.100.200/',
    'https://192.0.0.192/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.0.1/',
    'https://100.64.0.1/',
    'https://198.18.0.1/',
    'https://255.255.255.255/',
    'https://localhost/',
    'https://LOCALHOST/',
    'https://localhost./',
    'https://a.localhost/',
    'https://metadata.google.internal/',
    'https://printer.local/',
    'https://redis/',
    'https://redis.default.svc.cluster.local/',
    'https://user@mastodon.example/',
    'https://user:password@mastodon.example/',
    'https://mastodon.example@127.0.0.1/',
    'https://127.0.0.1#@mastodon.example/',
    'https://127.0.0.1\\@mastodon.example/',
    'https://mastodon.example./',
    'http://mastodon.example/',
    'https://mastodon.example:22/',
    'https://mastodon.example:8443/',
    'http://mastodon.example:443/',
    'ftp://mastodon.example/',
    'file:///etc/passwd',
    'gopher://mastodon.example/',
    'data:application/json,{}',
    'unix:/run/x.sock',
    'not a url',
  ];

  it.each(INSIDE_URLS)('refuses %s without connecting', async (url) => {
    const resolve = jest.fn<Resolve>(async () => [PUBLIC]);
    await expect(client(resolve).request(url)).rejects.toBeInstanceOf(BlockedAddress);
    expect(resolve).not.toHaveBeenCalled();
    expectNoConnection();
  });

  it.each([
    '127.0.0.1',
    '127.1',
    '2130706433',
    '0x7f000001',
    '[::1]',
    '[::ffff:127.0.0.1]',
    'localhost',
    'localhost.',
  ])('refuses %s on an open port when only other hosts or ports are allow-listed', async (host) => {
    const guarded = client(async () => [INSIDE], [`other:${port}`, `127.0.0.1:${port + 1}`, '[::1]']);
    for (const scheme of ['http', 'https']) {
      await expect(guarded.request(`${scheme}://${host}:${port}/`)).rejects.toBeInstanceOf(BlockedAddress);
    }
    expectNoConnection();
  });

  it.each([
    ['to a private address', [INSIDE]],
    ['to a public and then a private address', [PUBLIC, INSIDE]],
    ['to a private and then a public address', [INSIDE, PUBLIC]],
    ['to a metadata service', [{ address: '169.254.169.254', family: 4 }]],
    ['to a mapped address', [{ address: '::ffff:10.0.0.1', family: 6 }]],
    ['to a link-local address', [{ address: 'fe80::1%eth0', family: 6 }]],
    ['to text that is not an address', [{ address: 'localhost', family: 4 }]],
  ])('refuses a name that resolves %s', async (_, addresses) => {
    await expect(client(async () => addresses).request('https://mastodon.example/')).rejects.toBeInstanceOf(
      BlockedAddress,
    );
    expectNoConnection();
  });

  it('connects to the address that it checked, even if the name then resolves to a private one', async () => {
    const resolve = jest.fn<Resolve>(async () => [INSIDE]).mockImplementationOnce(async () => [PUBLIC]);
    const guarded = client(resolve);
    await expect(guarded.request('https://mastodon.example/')).rejects.toBeInstanceOf(InstanceUnreachable);
    expect(dialled).toEqual([PUBLIC.address]);
    expect(resolve).toHaveBeenCalledTimes(1);
    await expect(guarded.request('https://mastodon.example/')).rejects.toBeInstanceOf(BlockedAddress);
    expect(dialled).toEqual([PUBLIC.address]);
    expect(accepted).toBe(0);
  });

  it('gives every refusal the same message, which reveals nothing', async () => {
    const messages = new Set<string>();
    for (const url of INSIDE_URLS) {
      messages.add(
        await client(async () => [INSIDE])
          .request(url)
          .then(String, ({ message }: Error) => message),
      );
    }
    messages.add(
      await client(async () => [INSIDE])
        .request('https://mastodon.example/')
        .then(String, (e: Error) => e.message),
    );
    expect([...messages]).toEqual(['Connections to this address are not allowed.']);
  });

  it('gives an unknown name and a failing resolver the same message', async () => {
    const failing = client(() => Promise.reject(new Error('getaddrinfo ENOTFOUND 10.0.0.53')));
    const empty = client(async () => []);
    for (const guarded of [failing, empty]) {
      await expect(guarded.request('https://mastodon.example/')).rejects.toThrow(new InstanceUnreachable());
    }
    expectNoConnection();
  });

  it('times out if the resolver does not answer, and does not connect when it answers later', async () => {
    let resolveLate!: (addresses: (typeof PUBLIC)[]) => void;
    const guarded = client(() => new Promise((resolve) => (resolveLate = resolve)));
    await expect(guarded.request('https://mastodon.example/', { timeoutMs: 30 })).rejects.toThrow('in time');
    resolveLate([PUBLIC]);
    await new Promise(setImmediate);
    expectNoConnection();
  });
});

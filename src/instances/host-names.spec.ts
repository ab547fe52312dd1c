import { lookup } from 'node:dns/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { NameServer, type Records, TYPE_A, TYPE_AAAA } from '../../test/support/servers/name-server.js';
import { askDns, presenceOf, resolveByDns } from './host-names.js';

let server: NameServer;
afterEach(() => server.close());

/** The address of a name server. With null it never responds. */
async function nameServer(records: Records | 'failing' | null): Promise<string> {
  server = await NameServer.start(records);
  return server.address;
}

describe('askDns', () => {
  const LOOPBACK6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

  it('returns all addresses of both families, so that each can be checked', async () => {
    const address = await nameServer({
      [TYPE_A]: [
        [192, 0, 2, 1],
        [10, 0, 0, 1],
      ],
      [TYPE_AAAA]: [LOOPBACK6],
    });
    const found = await askDns('two.example.org', [address]);
    expect([...found].sort((a, b) => a.address.localeCompare(b.address))).toEqual([
      { address: '::1', family: 6 },
      { address: '10.0.0.1', family: 4 },
      { address: '192.0.2.1', family: 4 },
    ]);
  });

  it('resolves a name with one address family, and returns nothing for a name with none', async () => {
    const address = await nameServer({ [TYPE_AAAA]: [LOOPBACK6] });
    expect(await askDns('six.example.org', [address])).toEqual([{ address: '::1', family: 6 }]);
    server.close();
    const empty = await nameServer({});
    expect(await askDns('none.example.org', [empty])).toEqual([]);
  });

  it('does not block other lookups while a name server is silent, and times out by itself', async () => {
    const address = await nameServer(null);
    let ended = 0;
    const dead = Array.from({ length: 20 }, (_, n) =>
      askDns(`dead-${n}.example.org`, [address]).finally(() => (ended += 1)),
    );
    // These use the thread pool, which twenty blocked lookups would have exhausted.
    for (let n = 0; n < 8; n += 1) await lookup('localhost');
    expect(ended).toBe(0);
    expect((await Promise.all(dead)).flat()).toEqual([]);
    expect(server.questions).toBeGreaterThanOrEqual(40);
  }, 30_000);

  it('resolves allow-listed names through the system, which reads /etc/hosts', async () => {
    await nameServer(null);
    const own = await resolveByDns('localhost', true);
    expect(own.some(({ address }) => address === '127.0.0.1' || address === '::1')).toBe(true);
    expect(server.questions).toBe(0);
  });
});

describe('presenceOf', () => {
  const presence = async (records: Records | 'failing', origin = 'https://some.example.org', own = '') =>
    presenceOf(origin, new Set([own]), [await nameServer(records)]);

  it('tells a name that does not exist from one with an address, and from a name server that cannot say', async () => {
    const loopback = { [TYPE_AAAA]: [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]] };
    expect(await presence({})).toBe('vanished');
    server.close();
    expect(await presence(loopback)).toBe('present');
    server.close();
    expect(await presence('failing')).toBe('unknown');
  });

  it('does not ask for an address, or for the name of an allow-listed host', async () => {
    for (const origin of ['http://127.0.0.1:8080', 'https://[2001:db8::1]', 'https://own.example.org']) {
      expect(await presence({}, origin, 'own.example.org')).toBe('unknown');
      expect(server.questions).toBe(0);
      server.close();
    }
    await nameServer({});
  });
});

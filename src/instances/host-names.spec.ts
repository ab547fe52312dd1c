import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from '@jest/globals';
import { askDns, resolveByDns } from './host-names.js';

const TYPE_A = 1;
const TYPE_AAAA = 28;

type Records = Readonly<Record<number, readonly (readonly number[])[]>>;

/** A DNS response whose answers refer to the question by a pointer (RFC 1035, 4.1), or NXDOMAIN without records. */
function reply(question: Buffer, records: Records): Buffer {
  const type = question.readUInt16BE(question.indexOf(0, 12) + 1);
  const end = question.indexOf(0, 12) + 5;
  const found = records[type] ?? [];
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(found.length > 0 ? 0x8180 : 0x8183, 2);
  header.writeUInt16BE(found.length, 6);
  header.writeUInt16BE(0, 10); // no EDNS in the answer
  const answers = found.map((data) =>
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]),
  );
  return Buffer.concat([header, question.subarray(12, end), ...answers]);
}

describe('askDns', () => {
  let socket: Socket;
  let questions = 0;
  afterEach(() => {
    socket.close();
  });

  /** A name server. With null it never responds. */
  async function nameServer(records: Records | null): Promise<string> {
    questions = 0;
    socket = createSocket('udp4');
    socket.on('message', (question: Buffer, { port }: RemoteInfo) => {
      questions += 1;
      if (records !== null) socket.send(reply(question, records), port, '127.0.0.1');
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return `127.0.0.1:${socket.address().port}`;
  }

  const LOOPBACK6 = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

  it('returns all addresses of both families, so that each can be checked', async () => {
    const server = await nameServer({
      [TYPE_A]: [
        [192, 0, 2, 1],
        [10, 0, 0, 1],
      ],
      [TYPE_AAAA]: [LOOPBACK6],
    });
    const found = await askDns('two.example.org', [server]);
    expect([...found].sort((a, b) => a.address.localeCompare(b.address))).toEqual([
      { address: '::1', family: 6 },
      { address: '10.0.0.1', family: 4 },
      { address: '192.0.2.1', family: 4 },
    ]);
  });

  it('resolves a name with one address family, and returns nothing for a name with none', async () => {
    const server = await nameServer({ [TYPE_AAAA]: [LOOPBACK6] });
    expect(await askDns('six.example.org', [server])).toEqual([{ address: '::1', family: 6 }]);
    socket.close();
    const empty = await nameServer({});
    expect(await askDns('none.example.org', [empty])).toEqual([]);
  });

  it('does not block other lookups while a name server is silent, and times out by itself', async () => {
    const server = await nameServer(null);
    let ended = 0;
    const dead = Array.from({ length: 20 }, (_, n) =>
      askDns(`dead-${n}.example.org`, [server]).finally(() => (ended += 1)),
    );
    // These use the thread pool, which twenty blocked lookups would have exhausted.
    for (let n = 0; n < 8; n += 1) await lookup('localhost');
    expect(ended).toBe(0);
    expect((await Promise.all(dead)).flat()).toEqual([]);
    expect(questions).toBeGreaterThanOrEqual(40);
  }, 30_000);

  it('resolves allow-listed names through the system, which reads /etc/hosts', async () => {
    await nameServer(null);
    const own = await resolveByDns('localhost', true);
    expect(own.some(({ address }) => address === '127.0.0.1' || address === '::1')).toBe(true);
    expect(questions).toBe(0);
  });
});

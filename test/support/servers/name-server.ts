import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { once } from 'node:events';

export const TYPE_A = 1;
export const TYPE_AAAA = 28;

/** Addresses by type. Without any: the name does not exist. */
export type Records = Readonly<Record<number, readonly (readonly number[])[]>>;

const NOERROR = 0x8180;
const SERVFAIL = 0x8182;
const NXDOMAIN = 0x8183;

/** A name server on loopback that knows the same of every name. */
export class NameServer {
  questions = 0;

  private constructor(
    private readonly socket: Socket,
    /** With null it never responds; `failing` cannot say. */
    public records: Records | 'failing' | null,
  ) {
    socket.on('message', (question: Buffer, { port }: RemoteInfo) => {
      this.questions += 1;
      if (this.records !== null) socket.send(reply(question, this.records), port, '127.0.0.1');
    });
  }

  /** The caller closes it. */
  static async start(records: Records | 'failing' | null): Promise<NameServer> {
    const server = new NameServer(createSocket('udp4'), records);
    server.socket.bind(0, '127.0.0.1');
    await once(server.socket, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.socket.address().port}`;
  }

  close(): void {
    this.socket.close();
  }
}

/** A DNS response whose answers refer to the question by a pointer (RFC 1035, 4.1). */
function reply(question: Buffer, records: Records | 'failing'): Buffer {
  const type = question.readUInt16BE(question.indexOf(0, 12) + 1);
  const end = question.indexOf(0, 12) + 5;
  const found = records === 'failing' ? [] : (records[type] ?? []);
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(records === 'failing' ? SERVFAIL : found.length > 0 ? NOERROR : NXDOMAIN, 2);
  header.writeUInt16BE(found.length, 6);
  header.writeUInt16BE(0, 10); // no EDNS in the answer
  const answers = found.map((data) =>
    Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length, ...data]),
  );
  return Buffer.concat([header, question.subarray(12, end), ...answers]);
}

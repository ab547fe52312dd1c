import { type RemoteInfo, type Socket, createSocket } from 'node:dgram';
import { once } from 'node:events';

const TYPE_TXT = 16;
const NOERROR = 0x8180;
const NXDOMAIN = 0x8183;

/** A name server on loopback that knows TXT records by name, and nothing else. */
export class TxtServer {
  readonly records = new Map<string, readonly string[]>();
  readonly asked: string[] = [];

  private constructor(private readonly socket: Socket) {
    socket.on('message', (question: Buffer, { port }: RemoteInfo) => {
      socket.send(this.reply(question), port, '127.0.0.1');
    });
  }

  /** The caller closes it. */
  static async start(): Promise<TxtServer> {
    const server = new TxtServer(createSocket('udp4'));
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

  /** Its answers refer to the question by a pointer (RFC 1035, 4.1). */
  private reply(question: Buffer): Buffer {
    const end = question.indexOf(0, 12) + 5;
    const name = nameIn(question);
    this.asked.push(name);
    const found = question.readUInt16BE(end - 4) === TYPE_TXT ? (this.records.get(name) ?? []) : [];
    const header = Buffer.from(question.subarray(0, 12));
    header.writeUInt16BE(found.length > 0 ? NOERROR : NXDOMAIN, 2);
    header.writeUInt16BE(found.length, 6);
    header.writeUInt16BE(0, 10); // no EDNS in the answer
    const answers = found.map((text) => {
      const data = Buffer.from(text);
      return Buffer.from([
        0xc0,
        12,
        0,
        TYPE_TXT,
        0,
        1,
        0,
        0,
        0,
        60,
        0,
        data.length + 1,
        data.length,
        ...data,
      ]);
    });
    return Buffer.concat([header, question.subarray(12, end), ...answers]);
  }
}

function nameIn(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; question[at] !== 0; at += (question[at] ?? 0) + 1)
    labels.push(question.toString('latin1', at + 1, at + 1 + (question[at] ?? 0)));
  return labels.join('.').toLowerCase();
}

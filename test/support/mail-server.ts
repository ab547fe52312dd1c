import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { waitUntil } from './barrier.js';

const LOGIN = { user: 'platforms', pass: 'the-password-of-the-mail-server' } as const;

export interface ReceivedMail {
  readonly from: string;
  readonly to: string;
  /** Unix milliseconds. */
  readonly arrivedAt: number;
  /** As it came, its lines no longer folded. */
  readonly source: string;
}

/** A mail server on loopback that wants a login and keeps what it receives. */
export class MailServer {
  /** Whether it lets nobody send from MAIL_FROM. */
  refusesSender = false;

  private constructor(
    private readonly server: SMTPServer,
    readonly port: number,
    readonly received: readonly ReceivedMail[],
  ) {}

  /** @param port of one that has been closed. */
  static async start(port = 0): Promise<MailServer> {
    const received: ReceivedMail[] = [];
    const server = new SMTPServer({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, callback) =>
        username === LOGIN.user && password === LOGIN.pass
          ? callback(null, { user: LOGIN.user })
          : callback(new Error('Wrong password')),
      onMailFrom: (_address, _session, callback) =>
        callback(mails.refusesSender ? new Error('Not your address') : null),
      onRcptTo: ({ address }, _session, callback) => {
        if (address.startsWith('refused')) return callback(new Error('No such mailbox'));
        if (!address.startsWith('greylisted')) return callback(null);
        callback(Object.assign(new Error('Try again later'), { responseCode: 450 }));
      },
      onData: (stream, { envelope }, callback) => {
        text(stream).then((source) => {
          const from = envelope.mailFrom === false ? '' : envelope.mailFrom.address;
          const to = envelope.rcptTo.map(({ address }) => address).join();
          received.push({ from, to, arrivedAt: Date.now(), source: plain(source) });
          callback(null);
        }, callback);
      },
    });
    server.listen(port, '127.0.0.1');
    await once(server.server, 'listening');
    const mails = new MailServer(server, (server.server.address() as AddressInfo).port, received);
    return mails;
  }

  env(): Record<string, string> {
    return {
      SMTP_URL: `smtp://${LOGIN.user}:${LOGIN.pass}@127.0.0.1:${this.port}`,
      MAIL_FROM: 'Platform Manager <platforms@example.org>',
    };
  }

  to(address: string): ReceivedMail[] {
    return this.received.filter(({ to }) => to === address);
  }

  /** The token of the newest link of this page to the address, once there are so many. */
  async token(page: string, address: string, count = 1): Promise<string> {
    const links = (): string[] =>
      this.to(address).flatMap(({ source }) => tokensOf(page, source).slice(0, 1));
    await waitUntil(() => links().length >= count, {
      timeoutMs: 20_000,
      what: `a letter (${page}) to ${address}`,
    });
    return links().at(-1) ?? '';
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

export function tokensOf(page: string, source: string): string[] {
  return [...source.matchAll(new RegExp(`/console/${page}#([\\w-]{43})`, 'g'))].map(
    ([, token = '']) => token,
  );
}

/** Quoted-printable, decoded. */
export function plain(source: string): string {
  return source
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_all, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

import { createTransport } from 'nodemailer';
import type { SmtpTarget } from '../config/mail-target.js';
import type { Letter } from './letter.js';
import { MailTransport } from './mail-transport.js';

const CONNECT_TIMEOUT_MS = 10_000;
/** Between two bytes of the server. */
const SILENCE_TIMEOUT_MS = 20_000;

/** One connection a letter: there are few letters, and an idle connection would be found broken by the next one. */
export class SmtpTransport extends MailTransport {
  readonly #transport;

  constructor(
    { host, port, tls, login }: SmtpTarget,
    private readonly from: string,
  ) {
    super();
    this.#transport = createTransport({
      ...{ host, port, secure: tls === 'implicit', requireTLS: tls === 'starttls' },
      ...(login !== null && { auth: login }),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      greetingTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout: SILENCE_TIMEOUT_MS,
      // A letter is text of ours. It must never make this process read a file or an address.
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  async send({ to, ...letter }: Letter): Promise<void> {
    // As an object, an address is one address, whatever it contains.
    await this.#transport.sendMail({ ...letter, from: this.from, to: { name: '', address: to } });
  }

  close(): void {
    this.#transport.close();
  }
}

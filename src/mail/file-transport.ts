import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { createTransport } from 'nodemailer';
import { makePrivateFolder } from '../config/private-folder.js';
import type { Letter } from './letter.js';
import { MailTransport } from './mail-transport.js';

/** Writes each letter to a file that a mail program opens. */
export class FileTransport extends MailTransport {
  readonly #logger = new Logger('Mail');
  readonly #composer = createTransport({
    ...{ streamTransport: true, buffer: true },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  });

  constructor(
    private readonly folder: string,
    private readonly from: string,
  ) {
    super();
  }

  async send({ to, ...letter }: Letter): Promise<void> {
    const { message } = await this.#composer.sendMail({
      ...{ ...letter, from: this.from },
      to: { name: '', address: to },
    });
    if (!Buffer.isBuffer(message)) throw new TypeError('The message is no buffer.');
    makePrivateFolder(this.folder);
    const file = join(this.folder, `${new Date().toISOString().replaceAll(':', '-')}-${randomUUID()}.eml`);
    // Under its name once it is whole. It holds a link that is as good as a password.
    await writeFile(`${file}.part`, message, { mode: 0o600 });
    await rename(`${file}.part`, file);
    this.#logger.log(`A message was written to ${file}: no SMTP_URL is set.`);
  }

  close(): void {
    this.#composer.close();
  }
}

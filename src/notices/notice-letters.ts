import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { type Letter, letterOf } from '../mail/letter.js';
import { MailOutbox } from '../mail/mail-outbox.js';
import { NOTICES, NOTICE_NAMES, type Notice, type NoticeItems } from './notice.js';

const CLOCK = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
const SWITCHES = 'You can switch these messages off on the Account page.';

interface Words {
  readonly subject: string;
  readonly before: readonly string[];
  readonly link: { readonly label: string; readonly page: string };
  readonly after: readonly string[];
}

type Writers = { readonly [N in Notice]: (items: readonly NoticeItems[N][]) => Words };

const WRITERS: Writers = {
  newSignIn: (items) => ({
    subject: 'New sign-in to your account',
    before: [
      'Somebody signed in to your account at Platform Manager from a device that had not been there before:',
      ...items.map(({ device, ...where }) => `${device || 'An unknown program'}, ${whereAndWhen(where)}`),
    ],
    link: { label: 'See where you are logged in', page: 'account' },
    after: ['If it was you, all is well. If not, end that session, and change your password.'],
  }),
  apiKeyMade: (items) => ({
    subject: items.length === 1 ? 'An API key was made' : `${items.length} API keys were made`,
    before: [
      'Programs can now use your account at Platform Manager with:',
      ...items.map(({ key, ...where }) => `API key “${key}”, made ${whereAndWhen(where)}`),
    ],
    link: { label: 'See your API keys', page: 'api-keys' },
    after: ['If it was not you, revoke the key, and change your password.'],
  }),
  credentialsRevealed: (items) => ({
    subject: 'An API key read credentials for the first time',
    before: [
      'A program read the credentials of a connection at Platform Manager with a key that had not read any before:',
      ...items.map(
        ({ key, connection, ...where }) =>
          `API key “${key}”, credentials of “${connection}”, ${whereAndWhen(where)}`,
      ),
    ],
    link: { label: 'See your activity log', page: 'activity' },
    after: ['If no program of yours does that, revoke the key, and connect the account again.'],
  }),
  connections: (items) => ({
    subject: subjectOf(items.filter(({ broken }) => broken).length, items.length),
    before: [
      'This changed with your connections at Platform Manager:',
      ...items.map(({ connection, host, broken, fault }) =>
        broken
          ? `“${connection}” at ${host} does not work. ${fault}`.trimEnd()
          : `“${connection}” at ${host} works again.`,
      ),
    ],
    link: { label: 'See your connections', page: 'platforms' },
    after: ['Each was tested twice before it counted as broken.'],
  }),
};

/** Writes the notices from what the outbox holds. */
@Injectable()
export class NoticeLetters implements OnModuleInit {
  constructor(
    private readonly mails: MailOutbox,
    private readonly config: AppConfig,
  ) {}

  onModuleInit(): void {
    for (const notice of NOTICE_NAMES)
      this.mails.register(NOTICES[notice], async (to, _manager, items) =>
        this.write(to, (WRITERS[notice] as (all: readonly unknown[]) => Words)(items)),
      );
  }

  private write(to: string, { subject, before, link: { label, page }, after }: Words): Letter {
    const link = { label, url: `${this.config.publicUrl}/console/${page}` };
    return letterOf({ to, subject, before, link, after: [...after, SWITCHES] });
  }
}

function whereAndWhen({ address, at }: { readonly address: string; readonly at: string }): string {
  const from = address === '' ? '' : `from ${address}, `;
  return `${from}on ${CLOCK.format(new Date(at))} UTC`;
}

function subjectOf(broken: number, all: number): string {
  if (broken === 0) return all === 1 ? 'A connection works again' : `${all} connections work again`;
  return broken === 1 ? 'A connection does not work' : `${broken} connections do not work`;
}

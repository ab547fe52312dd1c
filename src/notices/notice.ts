import type { NoticeKind } from '../mail/mail-outbox.js';

/** What people may be told by mail, and the kind of letter that does. */
export const NOTICES = {
  newSignIn: 'notice_sign_in',
  apiKeyMade: 'notice_api_key',
  credentialsRevealed: 'notice_reveal',
  connections: 'notice_connections',
} as const satisfies Readonly<Record<string, NoticeKind>>;
export type Notice = keyof typeof NOTICES;
export const NOTICE_NAMES = Object.keys(NOTICES) as Notice[];

export type NoticeSwitches = Readonly<Record<Notice, boolean>>;

/** What a letter tells of: texts that its person has seen before, never a secret. Times are ISO 8601. */
export interface NoticeItems {
  readonly newSignIn: { readonly device: string; readonly address: string; readonly at: string };
  readonly apiKeyMade: { readonly key: string; readonly address: string; readonly at: string };
  readonly credentialsRevealed: NoticeItems['apiKeyMade'] & { readonly connection: string };
  readonly connections: {
    readonly connection: string;
    readonly host: string;
    readonly broken: boolean;
    /** What is wrong, in words; '' if it works. */
    readonly fault: string;
  };
}

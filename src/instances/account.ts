import { z } from 'zod';
import { plainText } from './plain-text.js';

const MAX_PICTURE_ADDRESS = 2048;

/** An account as its instance shows it to its owner. All text is plain and bounded. */
export interface InstanceAccount {
  /** Unique on its instance only. */
  readonly id: string;
  readonly username: string;
  readonly displayName: string | null;
  readonly avatarUrl: string | null;
  /** URI of the ActivityPub actor: the account's identity on every server. */
  readonly uri: string | null;
  readonly followers: number | null;
  readonly following: number | null;
  readonly statuses: number | null;
  /** Handle or address of the account that replaces this one. */
  readonly movedTo: string | null;
}

export const address = z
  .string()
  .max(2000)
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));

export const webAddress = address.nullable().catch(null);

/** Stored as the URL parser writes it: printable ASCII. The raw text may contain characters that no column accepts. */
export const pictureAddress = address
  .transform((text) => new URL(text).href)
  .pipe(z.string().max(MAX_PICTURE_ADDRESS))
  .nullable()
  .catch(null);

// GoToSocial and some Pleroma servers omit counts, or hide them as -1.
export const count = z.int().nonnegative().max(2_147_483_647).nullable().catch(null);

const moved = z
  .object({ acct: z.string().max(400).catch(''), uri: webAddress, url: webAddress })
  .transform(({ acct, uri, url }) => plainText(acct.includes('@') ? `@${acct}` : (url ?? uri), 200))
  .nullish()
  .catch(null);

export const accountSchema = z
  .object({
    id: z.union([z.string().regex(/^[\w.:-]{1,100}$/), z.int().nonnegative().transform(String)]),
    username: z.string().min(1).max(200),
    display_name: z.string().nullish().catch(null),
    avatar: pictureAddress,
    uri: webAddress,
    url: webAddress,
    followers_count: count,
    following_count: count,
    statuses_count: count,
    moved,
  })
  .transform((raw, context): InstanceAccount => {
    const username = plainText(raw.username, 200);
    if (username === null) {
      context.addIssue({ code: 'custom', message: 'no username' });
      return z.NEVER;
    }
    return {
      id: raw.id,
      username,
      displayName: plainText(raw.display_name, 200),
      avatarUrl: raw.avatar,
      uri: raw.uri ?? raw.url,
      followers: raw.followers_count,
      following: raw.following_count,
      statuses: raw.statuses_count,
      movedTo: raw.moved ?? null,
    };
  });

/** How the name that a user typed compares with an account's. `elsewhere`: the name is the same, the host is not. */
export type NameMatch = 'same' | 'elsewhere' | 'different';

/**
 * Compares what a user typed with an account: `alice`, `@alice` or `alice@host`, in any case. The host may be the instance's
 * or the one in the account's URI, which can differ.
 */
export function matchName(typed: string, account: InstanceAccount, instanceUrl: string): NameMatch {
  const { name, host } = partsOf(typed);
  if (name !== account.username.toLowerCase()) return 'different';
  if (host === '') return 'same';
  const hosts = [instanceUrl, account.uri].flatMap((url) => (url === null ? [] : [new URL(url).host]));
  // A handle may use a parent domain of the host: social.example.org can serve @alice@example.org.
  return hosts.some((own) => own === host || own.endsWith(`.${host}`)) ? 'same' : 'elsewhere';
}

export function partsOf(typed: string): { readonly name: string; readonly host: string } {
  const [name = '', host = ''] = typed.trim().replace(/^@/, '').toLowerCase().split('@');
  return { name, host };
}

import { z } from 'zod';
import { type InstanceAccount, address, count, pictureAddress, webAddress } from './account.js';
import { plainText } from './plain-text.js';

const userId = z.string().regex(/^[\w.:-]{1,100}$/);

/** The host is null for an account of the instance that sends it. */
export const misskeyHandle = z
  .object({ username: z.string().min(1).max(200), host: z.string().max(300).nullish() })
  .transform(({ username, host }) => plainText(`@${username}${host == null ? '' : `@${host}`}`, 200));

/** UserEntityService.ts of Misskey and its forks. */
export const misskeyAccountSchema = z
  .object({
    id: userId,
    username: z.string().min(1).max(200),
    name: z.string().nullish().catch(null),
    avatarUrl: pictureAddress,
    uri: webAddress,
    url: webAddress,
    followersCount: count,
    followingCount: count,
    notesCount: count,
    // Misskey since 13.11: the id of the new account, as this instance counts.
    movedTo: userId.nullish().catch(null),
    // Sharkey: the address of the new account. Firefish: the new account.
    movedToUri: z.union([address, misskeyHandle]).nullish().catch(null),
  })
  .transform((raw, context): MisskeyAccount => {
    const username = plainText(raw.username, 200);
    if (username === null) {
      context.addIssue({ code: 'custom', message: 'no username' });
      return z.NEVER;
    }
    const account = {
      id: raw.id,
      username,
      displayName: plainText(raw.name, 200),
      avatarUrl: raw.avatarUrl,
      uri: raw.uri ?? raw.url,
      followers: raw.followersCount,
      following: raw.followingCount,
      statuses: raw.notesCount,
      movedTo: plainText(raw.movedToUri, 200),
    };
    return { account, movedToId: raw.movedTo ?? null };
  });

export interface MisskeyAccount {
  readonly account: InstanceAccount;
  readonly movedToId: string | null;
}

import { z } from 'zod';
import type { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import type { ConnectAttempt } from './connect-attempt.entity.js';

/** What an attempt knows from its beginning, in the column `verifier`. */
export const secretsSchema = z.object({
  verifier: z.string(),
  clientSecret: z.string().nullable().default(null),
  forceLogin: z.boolean().default(false),
  labels: z.record(z.string(), z.string()).default({}),
});
/** What the callback brought, in the column `code`. */
export const answerSchema = z.object({
  code: z.string(),
  iss: z.string().nullable(),
  held: z
    .object({
      accessToken: z.string(),
      refreshToken: z.string().nullable(),
      expiresInSeconds: z.number().nullable(),
      binding: z.string().optional(),
      exchangedAt: z.number(),
    })
    .optional(),
});
const boundSchema = z.tuple([z.string(), z.string()]);

/** What a secret of an attempt is bound to. A Fernet token alone could be moved to another row or column. */
type Owner = Pick<ConnectAttempt, 'stateHash' | 'userId' | 'linkId' | 'origin' | 'clientId'>;

type Column = 'verifier' | 'code';

export function seal(ring: KeyRing, what: Column, owner: Owner, secret: string): string {
  return ring.encrypt(JSON.stringify([binding(what, owner), secret]));
}

/** Null if its key has left the ring, or it was moved here from elsewhere. */
export function open(ring: KeyRing, what: Column, owner: Owner, ciphertext: string): string | null {
  const bound = readable(() => boundSchema.parse(JSON.parse(ring.decrypt(ciphertext))));
  return bound !== null && bound[0] === binding(what, owner) ? bound[1] : null;
}

function binding(what: Column, { stateHash, userId, linkId, origin, clientId }: Owner): string {
  const link = linkId === null ? [] : [linkId];
  return JSON.stringify([what, stateHash.toString('hex'), userId, origin, clientId, ...link]);
}

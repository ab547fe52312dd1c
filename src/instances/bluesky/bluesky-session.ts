import type { NodeSavedSession, NodeSavedState } from '@atproto/oauth-client-node';
import { z } from 'zod';
import { readable } from '../../crypto/readable.js';
import type { TokenGrant } from '../token-reply.js';
import { type Did, isDid } from './handle-names.js';

/** Most access tokens are of 5 to 60 minutes. One that ends within this time is not used any more. */
const SPENT_MS = 30_000;

const did = z.custom<Did>((value) => typeof value === 'string' && isDid(value));
/** The library checks it when it imports the key. */
const privateJwk = z.custom<NodeSavedSession['dpopJwk']>(
  (value) => typeof value === 'object' && value !== null,
);
const authMethod = z.union([
  z.object({ method: z.literal('none') }),
  z.object({ method: z.literal('private_key_jwt'), kid: z.string() }),
]);

const bindingSchema = z.object({ did, dpopJwk: privateJwk, authMethod, scope: z.string() });

/**
 * What a token of the AT Protocol needs beside itself: whose it is, the private key of its DPoP proofs (RFC 9449), and how
 * the application authenticated. Stored as the connection's client secret, so the seal covers it.
 */
export type SessionBinding = Readonly<z.output<typeof bindingSchema>>;

export interface BlueskySession {
  /** The authorization server, which is the connection's instance. */
  readonly issuer: string;
  readonly accessToken: string;
  readonly refreshToken: string | null;
  readonly binding: SessionBinding;
}

/** What an attempt keeps between the consent page and the exchange. */
const pendingSchema = z.object({
  iss: z.string(),
  dpopJwk: privateJwk,
  authMethod,
  verifier: z.string(),
  /** The account that the user named; null if they named a server. */
  did: did.nullable(),
});
export type PendingSession = NodeSavedState & { readonly did: Did | null };

export function readPending(text: string): PendingSession {
  return pendingSchema.parse(JSON.parse(text));
}

/** Null if the text is of something else. */
export function readBinding(text: string | null): SessionBinding | null {
  return text === null ? null : readable(() => bindingSchema.parse(JSON.parse(text)));
}

/** @throws {ZodError} if the library took a token set that is not the AT Protocol's. */
export function toGrant({ dpopJwk, authMethod: auth, tokenSet }: NodeSavedSession, now: Date): TokenGrant {
  const { sub, scope, access_token, refresh_token, expires_at } = tokenSet;
  const binding = bindingSchema.parse({ did: sub, dpopJwk, authMethod: auth, scope });
  return {
    accessToken: access_token,
    refreshToken: refresh_token ?? null,
    expiresInSeconds:
      expires_at === undefined ? null : Math.floor((Date.parse(expires_at) - now.getTime()) / 1000),
    binding: JSON.stringify(binding),
  };
}

/** @param pds where the account is now, which the library takes from the stored session. */
export function toSaved(
  { issuer, accessToken, refreshToken, binding }: BlueskySession,
  pds: string,
): NodeSavedSession {
  const { did: sub, dpopJwk, authMethod: auth, scope } = binding;
  return {
    dpopJwk,
    authMethod: auth,
    tokenSet: {
      iss: issuer,
      sub,
      aud: pds,
      scope: scope as NodeSavedSession['tokenSet']['scope'],
      access_token: accessToken,
      token_type: 'DPoP',
      ...(refreshToken !== null && { refresh_token: refreshToken }),
    },
  };
}

export function isSpent(expiresAt: Date | null, now: Date): boolean {
  return expiresAt !== null && expiresAt.getTime() - now.getTime() < SPENT_MS;
}

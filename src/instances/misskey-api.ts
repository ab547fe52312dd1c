import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { InstanceAccount } from './account.js';
import { OutgoingRequestError } from './guarded-http.errors.js';
import type { GuardedHttp, InstanceResponse, OutgoingRequest } from './guarded-http.js';
import { jsonBody } from './json-body.js';
import { misskeyAccountSchema, misskeyHandle } from './misskey-account.js';
import { probe } from './probe.js';

const MOVED_TIMEOUT_MS = 3000;

const notApproved = z.object({ ok: z.literal(false) });
const refusal = z.object({ error: z.object({ code: z.string().max(100) }) });

/** Every endpoint takes POST. A token goes in the body: only newer versions read it from the header. */
export function misskeyRequest(fields: Readonly<Record<string, string>>): OutgoingRequest {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(fields),
  };
}

/** The `code` of a refusal, such as `PERMISSION_DENIED`. Its status differs between versions. */
export function misskeyCode(response: InstanceResponse): string | null {
  return jsonBody(response, refusal)?.error.code ?? null;
}

/**
 * Finds out whether a server has what a connection needs of Misskey: MiAuth, asked about a session that nobody has begun,
 * and the account of a token, asked without one.
 *
 * @throws {InstanceRefused} if its answers tell nothing.
 */
export async function speaksMisskey(http: GuardedHttp, origin: string): Promise<boolean> {
  const session = await probe(http, miAuthCheck(origin, randomUUID()), misskeyRequest({}));
  if (jsonBody(session, notApproved) === null) return false;
  return misskeyCode(await probe(http, `${origin}/api/i`, misskeyRequest({}))) === 'CREDENTIAL_REQUIRED';
}

export function miAuthCheck(origin: string, session: string): string {
  return `${origin}/api/miauth/${session}/check`;
}

/** The account in a reply of `/api/i`, with the handle of the one that replaces it; null if there is no account in it. */
export async function readMisskeyAccount(
  http: GuardedHttp,
  origin: string,
  response: InstanceResponse,
): Promise<InstanceAccount | null> {
  const found = jsonBody(response, misskeyAccountSchema);
  if (found === null) return null;
  const { account, movedToId } = found;
  if (account.movedTo !== null || movedToId === null) return account;
  return { ...account, movedTo: (await handleOf(http, origin, movedToId)) ?? 'another account' };
}

/** Null if the instance does not say: that an account has moved is known without it. */
async function handleOf(http: GuardedHttp, origin: string, userId: string): Promise<string | null> {
  try {
    const request = { ...misskeyRequest({ userId }), timeoutMs: MOVED_TIMEOUT_MS };
    const response = await http.request(`${origin}/api/users/show`, request);
    return response.status === 200 ? jsonBody(response, misskeyHandle) : null;
  } catch (error) {
    if (error instanceof OutgoingRequestError) return null;
    throw error;
  }
}

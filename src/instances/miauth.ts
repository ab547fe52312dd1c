import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { isChallengePage } from './challenge-page.js';
import { GuardedHttp } from './guarded-http.js';
import { jsonBody } from './json-body.js';
import { miAuthCheck, misskeyRequest } from './misskey-api.js';
import { OAuthFailed, RevocationRefused, failedRequest } from './oauth.errors.js';
import { credential } from './token-reply.js';

const checkSchema = z.union([
  z.object({ ok: z.literal(true), token: credential }),
  z.object({ ok: z.literal(false) }),
]);

export interface MiAuthRequest {
  readonly session: string;
  /** The instance adds `session` to its query. */
  readonly callback: string;
  readonly permissions: readonly string[];
}

/**
 * Misskey's own way to give an application a token (misskey-hub.net/docs/for-developers/api/token/miauth). It knows no
 * applications and no secrets of theirs. Instead, the token of a session goes to the first who asks for it, so a session
 * is a secret until then.
 */
@Injectable()
export class MiAuth {
  constructor(private readonly http: GuardedHttp) {}

  newSession(): string {
    return randomUUID();
  }

  authorizationUrl(origin: string, { session, callback, permissions }: MiAuthRequest): string {
    const url = new URL(`${origin}/miauth/${session}`);
    url.searchParams.set('name', 'Platform Manager');
    url.searchParams.set('callback', callback);
    url.searchParams.set('permission', permissions.join(','));
    return url.href;
  }

  /**
   * Fetches the token of an approved session. Works once.
   *
   * @throws {OAuthFailed}
   */
  async token(origin: string, session: string): Promise<string> {
    const response = await this.http
      .request(miAuthCheck(origin, session), misskeyRequest({}))
      .catch(failedRequest);
    if (isChallengePage(response)) throw new OAuthFailed('instance_blocks_programs');
    const checked = response.status === 200 ? jsonBody(response, checkSchema) : null;
    if (checked === null) throw new OAuthFailed('instance_error');
    if (!checked.ok) throw new OAuthFailed('invalid_grant');
    return checked.token;
  }

  /**
   * Misskey and the forks that we have read let only the person revoke a token, in the settings. They refuse this.
   *
   * @throws {OAuthFailed | RevocationRefused}
   */
  async revoke(origin: string, token: string, timeoutMs: number): Promise<void> {
    const request = { ...misskeyRequest({ i: token, token }), timeoutMs };
    const { status } = await this.http.request(`${origin}/api/i/revoke-token`, request).catch(failedRequest);
    if (status !== 200 && status !== 204) throw new RevocationRefused();
  }
}

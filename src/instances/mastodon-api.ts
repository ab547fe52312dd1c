import { appsEndpoint, readMetadata } from './authorization-server.js';
import { isChallengePage, isPage } from './challenge-page.js';
import { DETAILS } from './check-outcome.js';
import { postForm } from './form-request.js';
import type { GuardedHttp } from './guarded-http.js';
import { InstanceRefused } from './instances.errors.js';
import { OAuthFailed } from './oauth.errors.js';
import type { Offer } from './software.js';

/** A server without metadata says nothing. */
const SILENT: Offer = { scopes: null, pkce: null, refreshTokens: null, revocable: null };
/** What frameworks answer on a path, or with a method, that they do not have. */
const ABSENT: ReadonlySet<number> = new Set([404, 405, 410]);

/** Asks a server that is known to speak the Mastodon API what it offers. */
export async function readOffer(http: GuardedHttp, origin: string): Promise<Offer> {
  const metadata = await readMetadata(http, origin);
  if (metadata === null) return SILENT;
  return {
    scopes: metadata.scopes_supported ?? null,
    pkce: metadata.code_challenge_methods_supported?.includes('S256') === true ? 'S256' : null,
    refreshTokens: metadata.grant_types_supported?.includes('refresh_token') === true ? true : null,
    revocable: metadata.revocation_endpoint == null ? null : true,
  };
}

/**
 * Finds out whether a server of unknown software speaks the Mastodon API: its metadata says so, or both endpoints that a
 * connection needs answer. Empty forms are sent, which register nothing.
 *
 * @returns null if it does not.
 * @throws {InstanceRefused} if its answers tell nothing.
 */
export async function findOffer(http: GuardedHttp, origin: string): Promise<Offer | null> {
  const offer = await readOffer(http, origin);
  if (offer !== SILENT) return offer;
  const speaks =
    (await answers(http, appsEndpoint(origin))) && (await answers(http, `${origin}/oauth/token`));
  return speaks ? offer : null;
}

async function answers(http: GuardedHttp, url: string): Promise<boolean> {
  try {
    const response = await postForm(http, url, {});
    const { status } = response;
    if (isChallengePage(response)) throw refused('instance_blocks_programs');
    if (status === 429 || (status >= 500 && status !== 501)) throw refused('instance_error');
    const isAnswer = (status >= 200 && status < 300) || (status >= 400 && status < 500);
    return isAnswer && !ABSENT.has(status) && !isPage(response.headers);
  } catch (error) {
    if (!(error instanceof OAuthFailed)) throw error;
    throw refused(error.reason === 'instance_unreachable' ? error.reason : 'instance_error');
  }
}

function refused(
  code: 'instance_blocks_programs' | 'instance_error' | 'instance_unreachable',
): InstanceRefused {
  return new InstanceRefused(code, DETAILS[code]);
}

import { appsEndpoint, readMetadata } from './authorization-server.js';
import { isPage } from './challenge-page.js';
import { formRequest } from './form-request.js';
import type { GuardedHttp } from './guarded-http.js';
import { probe } from './probe.js';
import type { Offer } from './software.js';

/** A server without metadata says nothing. */
const SILENT: Offer = { scopes: null, pkce: null, refreshTokens: null, revocable: null };
/** What frameworks answer on a path, or with a method, that they do not have; or, as Misskey's does, to any form. */
const ABSENT: ReadonlySet<number> = new Set([404, 405, 410, 415]);

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
  const response = await probe(http, url, formRequest({}));
  const { status } = response;
  const isAnswer = (status >= 200 && status < 300) || (status >= 400 && status < 500);
  return isAnswer && !ABSENT.has(status) && !isPage(response.headers);
}

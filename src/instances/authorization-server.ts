import { z } from 'zod';
import { OutgoingRequestError } from './guarded-http.errors.js';
import { type GuardedHttp, NOT_A_PAGE } from './guarded-http.js';
import { jsonBody } from './json-body.js';

const address = z.string().max(2000).nullish().catch(null);
const words = z.array(z.string().max(200)).max(200).nullish().catch(null);

/** RFC 8414. Of Mastodon's names, `app_registration_endpoint` is its own. */
const metadataSchema = z.object({
  issuer: z.string().max(2000),
  authorization_endpoint: address,
  token_endpoint: address,
  revocation_endpoint: address,
  registration_endpoint: address,
  app_registration_endpoint: address,
  scopes_supported: words,
  grant_types_supported: words,
  code_challenge_methods_supported: words,
  authorization_response_iss_parameter_supported: z.boolean().catch(false),
});
type Metadata = z.output<typeof metadataSchema>;

export interface AuthorizationServer {
  readonly issuer: string;
  readonly authorizationEndpoint: string;
  readonly tokenEndpoint: string;
  /** Whether every authorisation response names the issuer (RFC 9207). */
  readonly sendsIssuer: boolean;
}

export function appsEndpoint(origin: string): string {
  return `${origin}/api/v1/apps`;
}

/**
 * An instance's metadata. Null if it has none, or if the metadata is of something else: of another host, or of a server at
 * which applications register elsewhere, such as a plugin beside the one that speaks the Mastodon API.
 */
export async function readMetadata(http: GuardedHttp, origin: string): Promise<Metadata | null> {
  try {
    const url = `${origin}/.well-known/oauth-authorization-server`;
    const response = await http.request(url, { types: NOT_A_PAGE });
    const metadata = response.status === 200 ? jsonBody(response, metadataSchema) : null;
    return metadata !== null && isOfInstance(metadata, origin) ? metadata : null;
  } catch (error) {
    // If the instance is unreachable, the next request fails.
    if (error instanceof OutgoingRequestError) return null;
    throw error;
  }
}

/** By metadata, otherwise with the paths that all servers share. */
export async function authorizationServer(http: GuardedHttp, origin: string): Promise<AuthorizationServer> {
  const metadata = await readMetadata(http, origin);
  return {
    issuer: metadata?.issuer ?? origin,
    authorizationEndpoint: metadata?.authorization_endpoint ?? `${origin}/oauth/authorize`,
    tokenEndpoint: metadata?.token_endpoint ?? `${origin}/oauth/token`,
    sendsIssuer: metadata?.authorization_response_iss_parameter_supported ?? false,
  };
}

/** Whether `iss` names this issuer, with or without a trailing slash. */
export function isIssuer(issuer: string, iss: string): boolean {
  return URL.canParse(iss) && new URL(iss).href === new URL(issuer).href;
}

function isOfInstance(metadata: Metadata, origin: string): boolean {
  const { authorization_endpoint, token_endpoint, revocation_endpoint } = metadata;
  const apps = [metadata.app_registration_endpoint, metadata.registration_endpoint];
  return (
    isIssuer(origin, metadata.issuer) &&
    apps.includes(appsEndpoint(origin)) &&
    [authorization_endpoint, token_endpoint, revocation_endpoint].every(
      (url) => url == null || (URL.canParse(url) && new URL(url).origin === origin),
    )
  );
}

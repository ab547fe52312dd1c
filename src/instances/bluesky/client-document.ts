import { isIP } from 'node:net';

/** To read and write as the account, as an app password does; without it, a token opens little but its own session. */
export const BLUESKY_SCOPES = ['atproto', 'transition:generic'] as const;
const SCOPE = BLUESKY_SCOPES.join(' ');
const ROUTES = '/v1/connect/bluesky';

/** This application as an OAuth client of the AT Protocol (atproto.com/specs/oauth). */
export interface ClientDocument {
  readonly client_id: string;
  readonly client_name?: string;
  readonly client_uri?: `https://${string}`;
  readonly redirect_uris: [`https://${string}` | `http://127.0.0.1${string}` | `http://[::1]${string}`];
  readonly scope: string;
  readonly grant_types: ['authorization_code', 'refresh_token'];
  readonly response_types: ['code'];
  readonly application_type: 'web' | 'native';
  readonly token_endpoint_auth_method: 'private_key_jwt' | 'none';
  readonly token_endpoint_auth_signing_alg?: 'ES256';
  readonly dpop_bound_access_tokens: true;
  readonly jwks_uri?: `https://${string}`;
}

const USUAL = {
  scope: SCOPE,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  dpop_bound_access_tokens: true,
} satisfies Partial<ClientDocument>;

/**
 * Over https, a client that publishes this document and its keys. On a developer's machine, the loopback client, which
 * publishes nothing and has no keys; servers give it shorter sessions.
 *
 * @param redirectPath the path of the callback.
 * @returns null if servers cannot fetch the document from this address: the accounts there cannot be connected.
 */
export function clientDocument(publicUrl: string, redirectPath: string): ClientDocument | null {
  const { protocol, hostname, port, pathname } = new URL(publicUrl);
  const path = `${pathname.replace(/\/$/, '')}${redirectPath}`;
  if (protocol === 'https:')
    return isPublicName(hostname) ? published(publicUrl as `https://${string}`, redirectPath) : null;
  switch (hostname) {
    // The specification wants an address in the redirect URI, and the name in the client id.
    case 'localhost':
    case '127.0.0.1':
      return loopback(`http://127.0.0.1${port === '' ? '' : `:${port}`}${path}`);
    case '[::1]':
      return loopback(`http://[::1]${port === '' ? '' : `:${port}`}${path}`);
    default:
      return null;
  }
}

function published(publicUrl: `https://${string}`, redirectPath: string): ClientDocument {
  return {
    client_id: `${publicUrl}${ROUTES}/client-metadata.json`,
    client_name: 'Platform Manager',
    client_uri: publicUrl,
    redirect_uris: [`${publicUrl}${redirectPath}`],
    ...USUAL,
    application_type: 'web',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks_uri: `${publicUrl}${ROUTES}/jwks.json`,
  };
}

function loopback(redirectUri: ClientDocument['redirect_uris'][0]): ClientDocument {
  const query = new URLSearchParams({ scope: SCOPE, redirect_uri: redirectUri });
  return {
    client_id: `http://localhost?${query.toString()}`,
    redirect_uris: [redirectUri],
    ...USUAL,
    application_type: 'native',
    token_endpoint_auth_method: 'none',
  };
}

function isPublicName(hostname: string): boolean {
  return (
    isIP(hostname.replace(/^\[|\]$/g, '')) === 0 && hostname.includes('.') && !hostname.endsWith('.local')
  );
}

import type { JWTHeaderParameters, JWTPayload } from 'jose';

/** What a token of the provider must be beside well signed, in time, and for us. */
export interface OidcRules {
  /** Programs whose tokens are accepted; empty for all. */
  readonly clients: ReadonlySet<string>;
  readonly requiredScope: string | null;
}

/** RFC 9068, section 2.1, and what providers wrote before it. */
const ACCESS_TOKEN_TYPES = [undefined, 'jwt', 'at+jwt', 'application/at+jwt'];
/** OpenID Connect Core, sections 2 and 3.3.2.11: only an ID token has them. */
const ID_TOKEN_CLAIMS = ['nonce', 'at_hash', 'c_hash', 's_hash'];

/** Whether this is an access token (not an ID token) that a person (not a program for itself) gave to an allowed program. */
export function isPersonsAccessToken(
  { typ }: JWTHeaderParameters,
  claims: JWTPayload,
  { clients, requiredScope }: OidcRules,
): boolean {
  if (!ACCESS_TOKEN_TYPES.includes(typ?.toLowerCase())) return false;
  // Keycloak puts ID, Bearer, Refresh or Offline into the claims.
  if (claims['typ'] !== undefined && claims['typ'] !== 'Bearer') return false;
  if (ID_TOKEN_CLAIMS.some((name) => name in claims)) return false;
  const client = claims['azp'] ?? claims['client_id'] ?? claims['appid'];
  if (isOfProgram(claims, client)) return false;
  if (clients.size > 0 && !(typeof client === 'string' && clients.has(client))) return false;
  return requiredScope === null || scopesOf(claims).includes(requiredScope);
}

/** A grant of client credentials (RFC 6749, section 4.4; RFC 9068, section 2.2): there is no person in it. */
function isOfProgram(claims: JWTPayload, client: unknown): boolean {
  return (
    claims.sub === client ||
    // Auth0, Microsoft, Keycloak.
    claims['gty'] === 'client-credentials' ||
    claims['idtyp'] === 'app' ||
    (typeof claims['preferred_username'] === 'string' &&
      claims['preferred_username'].startsWith('service-account-'))
  );
}

/** `scope` by RFC 9068; `scp`, as text or list, by Microsoft and Okta. */
function scopesOf(claims: JWTPayload): readonly unknown[] {
  return [claims['scope'], claims['scp']].flatMap((value) =>
    typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? (value as unknown[]) : [],
  );
}

import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { ServiceUnavailable } from '../common/domain-error.js';

const FETCH_TIMEOUT_MS = 3000;
/** Keys older than this are fetched again, so a key that the issuer withdrew stops working. */
const KEYS_MAX_AGE_MS = 600_000;
/** Pause between fetches caused by unknown key ids. Without it, invented ids could flood the issuer with our requests. */
const KEYS_COOLDOWN_MS = 10_000;
const METADATA_MAX_AGE_MS = 3_600_000;
/** Pause after a failure. Requests that come during it fail immediately instead of each waiting for the issuer. */
const FAILURE_PAUSE_MS = 1000;
const MAX_RESPONSE_BYTES = 256 * 1024;

/** The issuer's keys are unavailable, so we cannot tell whether the token is valid. */
export class IssuerUnavailable extends ServiceUnavailable {
  override readonly code = 'issuer_unavailable';

  constructor(cause?: unknown) {
    super('The sign-in service is temporarily unavailable. Try again shortly.', 2, { cause });
  }
}

const metadataSchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

interface IssuerOptions {
  /** Limit for each response, including its body. */
  readonly timeoutMs?: number;
  readonly cooldownMs?: number;
  readonly failurePauseMs?: number;
}

/** Finds an OpenID provider's keys (OpenID Connect Discovery 1.0, RFC 7517) and keeps them up to date. */
export class OidcIssuer {
  #keys: { readonly get: JWTVerifyGetKey; readonly discoveredAtMs: number } | null = null;
  #discovery: Promise<JWTVerifyGetKey> | null = null;
  #failedUntilMs = 0;

  constructor(
    readonly issuer: string,
    private readonly options: IssuerOptions = {},
  ) {}

  /**
   * The key that a token's header names.
   *
   * @throws {IssuerUnavailable}
   * @throws an error of jose when the issuer has no such key.
   */
  readonly key: JWTVerifyGetKey = async (header, token) => {
    try {
      const get = await this.keys();
      return await get(header, token);
    } catch (error) {
      if (isAboutToken(error) || error instanceof IssuerUnavailable) throw error;
      this.#failedUntilMs = performance.now() + (this.options.failurePauseMs ?? FAILURE_PAUSE_MS);
      throw new IssuerUnavailable(error);
    }
  };

  private async keys(): Promise<JWTVerifyGetKey> {
    const current = this.#keys;
    if (current !== null && performance.now() - current.discoveredAtMs < METADATA_MAX_AGE_MS)
      return current.get;
    if (performance.now() < this.#failedUntilMs) throw new IssuerUnavailable();
    this.#discovery ??= this.discover().finally(() => {
      this.#discovery = null;
    });
    return this.#discovery;
  }

  private async discover(): Promise<JWTVerifyGetKey> {
    const address = `${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const text = await fetchText(address, AbortSignal.timeout(this.options.timeoutMs ?? FETCH_TIMEOUT_MS));
    const metadata = metadataSchema.parse(JSON.parse(text));
    if (metadata.issuer !== this.issuer) throw new Error("The issuer's metadata names another issuer");
    const jwksUri = new URL(metadata.jwks_uri);
    if (jwksUri.protocol !== 'https:' && jwksUri.protocol !== new URL(this.issuer).protocol) {
      throw new Error("The issuer's keys are not served with https");
    }
    const get = createRemoteJWKSet(jwksUri, {
      timeoutDuration: this.options.timeoutMs ?? FETCH_TIMEOUT_MS,
      cooldownDuration: this.options.cooldownMs ?? KEYS_COOLDOWN_MS,
      cacheMaxAge: KEYS_MAX_AGE_MS,
      // The library's own fetch has no size limit, and retries immediately after a failure.
      [customFetch]: async (url, { signal }) => {
        if (performance.now() < this.#failedUntilMs) throw new IssuerUnavailable();
        return new Response(await fetchText(url, signal));
      },
    });
    this.#keys = { get, discoveredAtMs: performance.now() };
    return get;
  }
}

/** Fetches a document of the issuer. The signal covers the body too. */
async function fetchText(address: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(address, {
    // A redirect may lead to another host, and we would trust that host's keys.
    redirect: 'error',
    signal,
    headers: { Accept: 'application/json' },
  });
  if (!response.ok) throw new Error(`The issuer responded with status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    // Leaving the loop closes the connection.
    if (length > MAX_RESPONSE_BYTES) throw new Error("The issuer's response is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** No matching key, two of them, or an unsupported kind: the token is at fault, not the issuer's availability. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

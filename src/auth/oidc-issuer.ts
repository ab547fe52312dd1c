import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import { ServiceUnavailable } from '../common/domain-error.js';

const FETCH_TIMEOUT_MS = 3000;
/** Keys are fetched again when they are this old, so that one which the issuer has withdrawn stops working. */
const KEYS_MAX_AGE_MS = 600_000;
/** After an unknown key id. It bounds what a stranger with invented ids can make us ask of the issuer. */
const KEYS_COOLDOWN_MS = 10_000;
const METADATA_MAX_AGE_MS = 3_600_000;
/** An issuer that failed is left alone for so long: requests are refused at once instead of each waiting for it. */
const FAILURE_PAUSE_MS = 1000;
const MAX_ANSWER_BYTES = 256 * 1024;

/** Its keys cannot be had, so nothing can be said about the token: neither that it is valid nor that it is not. */
export class IssuerUnavailable extends ServiceUnavailable {
  override readonly code = 'issuer_unavailable';

  constructor(cause?: unknown) {
    super('The sign-in service cannot be reached at the moment. Try again shortly.', 2, { cause });
  }
}

const metadataSchema = z.object({ issuer: z.string(), jwks_uri: z.url() });

export interface IssuerOptions {
  /** Milliseconds for each answer. */
  readonly timeoutMs?: number;
  readonly cooldownMs?: number;
  readonly failurePauseMs?: number;
}

/** Where an OpenID provider's keys are (OpenID Connect Discovery 1.0) and what they are (RFC 7517), kept fresh. */
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
   * @throws jose's errors when the issuer has no such key.
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
    const known = this.#keys;
    if (known !== null && performance.now() - known.discoveredAtMs < METADATA_MAX_AGE_MS) return known.get;
    if (performance.now() < this.#failedUntilMs) throw new IssuerUnavailable();
    this.#discovery ??= this.discover().finally(() => {
      this.#discovery = null;
    });
    return this.#discovery;
  }

  private async discover(): Promise<JWTVerifyGetKey> {
    const address = `${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const text = await published(address, AbortSignal.timeout(this.options.timeoutMs ?? FETCH_TIMEOUT_MS));
    const metadata = metadataSchema.parse(JSON.parse(text));
    if (metadata.issuer !== this.issuer) throw new Error("The issuer's metadata is another issuer's");
    const jwksUri = new URL(metadata.jwks_uri);
    if (jwksUri.protocol !== 'https:' && jwksUri.protocol !== new URL(this.issuer).protocol) {
      throw new Error("The issuer's keys are not served with https");
    }
    const get = createRemoteJWKSet(jwksUri, {
      timeoutDuration: this.options.timeoutMs ?? FETCH_TIMEOUT_MS,
      cooldownDuration: this.options.cooldownMs ?? KEYS_COOLDOWN_MS,
      cacheMaxAge: KEYS_MAX_AGE_MS,
      // The library's own reads any amount, and asks again at once.
      [customFetch]: async (url, { signal }) => {
        if (performance.now() < this.#failedUntilMs) throw new IssuerUnavailable();
        return new Response(await published(url, signal));
      },
    });
    this.#keys = { get, discoveredAtMs: performance.now() };
    return get;
  }
}

/** What the issuer publishes there, all of it before the signal comes. */
async function published(address: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(address, {
    // Elsewhere is somebody else, whose keys would be believed.
    redirect: 'error',
    signal,
    headers: { Accept: 'application/json' },
  });
  if (!answer.ok) throw new Error(`The issuer answers ${answer.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    // Leaving the loop hangs up.
    if (length > MAX_ANSWER_BYTES) throw new Error("The issuer's answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** No such key, two of them, or a kind that cannot be used: the issuer has answered. */
function isAboutToken(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported
  );
}

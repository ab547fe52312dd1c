import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  type JSONWebKeySet,
  type JWK,
  type JWTPayload,
  SignJWT,
  exportJWK,
  exportSPKI,
  generateKeyPair,
} from 'jose';

interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly jwk: JWK;
}

export interface IssuedToken {
  readonly claims?: JWTPayload;
  /** Of a key that the issuer has or had; by default the newest. */
  readonly key?: SigningKey;
  readonly header?: Readonly<Record<string, unknown>>;
}

/** An OpenID provider on loopback: metadata, keys that can be rotated, tokens with any claims, and outages. */
export class FakeIssuer {
  static readonly audience = 'platform-manager-api';
  readonly #keys: SigningKey[] = [];
  #server: Server | null = null;
  #port = 0;
  #published: SigningKey[] = [];
  #made = 0;
  /** Requests for the metadata and for the keys. */
  readonly requests = { metadata: 0, keys: 0 };
  /** What is wrong with it now. */
  fault: 'none' | 'error' | 'nonsense' | 'other-issuer' = 'none';

  /** With an elliptic key unless told otherwise: an RSA key takes a second to make. */
  static async start(alg = 'ES256'): Promise<FakeIssuer> {
    const issuer = new FakeIssuer();
    await issuer.rotate(alg);
    await issuer.up();
    return issuer;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/realm`;
  }

  env(): Record<string, string> {
    return { OIDC_ISSUER: this.url, OIDC_AUDIENCE: FakeIssuer.audience };
  }

  /** A new key that replaces the others; what those signed is no longer good. */
  async rotate(alg = 'ES256'): Promise<SigningKey> {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `key-${++this.#made}`;
    const key = {
      kid,
      alg,
      privateKey,
      publicKey,
      jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
    };
    this.#keys.push(key);
    this.#published = [key];
    return key;
  }

  get newest(): SigningKey {
    const key = this.#keys.at(-1);
    if (key === undefined) throw new Error('The issuer has no key');
    return key;
  }

  claims(own: JWTPayload = {}): JWTPayload {
    const now = Math.floor(Date.now() / 1000);
    return { iss: this.url, aud: FakeIssuer.audience, sub: 'ada', iat: now, exp: now + 300, ...own };
  }

  async sign({ claims = {}, key = this.newest, header = {} }: IssuedToken = {}): Promise<string> {
    return new SignJWT(this.claims(claims))
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
      .sign(key.privateKey);
  }

  /** The attack that an algorithm allow-list prevents: HMAC with the text of the public key as its secret. */
  async signConfused(claims: JWTPayload = {}): Promise<string> {
    const secret = new TextEncoder().encode(await exportSPKI(this.newest.publicKey));
    return new SignJWT(this.claims(claims))
      .setProtectedHeader({ alg: 'HS256', kid: this.newest.kid, typ: 'JWT' })
      .sign(secret);
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  async up(): Promise<void> {
    if (this.#server !== null) return;
    const server = createServer((request, response) => {
      const metadata = request.url === '/realm/.well-known/openid-configuration';
      this.requests[metadata ? 'metadata' : 'keys']++;
      response.statusCode = this.fault === 'error' ? 500 : 200;
      response.setHeader('Content-Type', 'application/json');
      if (this.fault === 'nonsense') response.end('<html>');
      else response.end(JSON.stringify(metadata ? this.metadata() : this.keySet()));
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  private metadata(): unknown {
    const issuer = this.fault === 'other-issuer' ? 'https://issuer.example' : this.url;
    return { issuer, jwks_uri: `${this.url}/keys`, response_types_supported: ['code'] };
  }

  private keySet(): JSONWebKeySet {
    return { keys: this.#published.map(({ jwk }) => jwk) };
  }
}

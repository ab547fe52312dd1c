import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
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

export type IssuerFault =
  'none' | 'error' | 'nonsense' | 'other-issuer' | 'redirect' | 'endless-body' | 'slow-body' | 'silent';

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
  /** What is wrong with it now, */
  fault: IssuerFault = 'none';
  /** and with which of its answers. */
  faulty: 'all' | 'keys' = 'all';
  /** Requests to where it redirects to. */
  redirected = 0;

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
    const server = createServer((request, response) => this.answer(request.url ?? '', response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  private answer(path: string, response: ServerResponse): void {
    const elsewhere = path.startsWith('/elsewhere/');
    const metadata = path.endsWith('/.well-known/openid-configuration');
    if (elsewhere) this.redirected++;
    else this.requests[metadata ? 'metadata' : 'keys']++;
    const good = JSON.stringify(metadata ? this.metadata() : this.keySet());
    response.setHeader('Content-Type', 'application/json');
    const fault = this.faulty === 'all' || !metadata ? this.fault : 'none';
    switch (fault) {
      case 'none':
      case 'other-issuer':
        response.end(good);
        return;
      case 'error':
        response.writeHead(500).end(good);
        return;
      case 'nonsense':
        response.end('<html>');
        return;
      case 'redirect':
        // What is there is good, so following it shows.
        if (elsewhere) response.end(good);
        else response.writeHead(302, { Location: `/elsewhere${path}` }).end();
        return;
      case 'endless-body': {
        const pour = (): void => {
          while (!response.destroyed && response.write(' '.repeat(16_384)));
        };
        response.on('drain', pour);
        pour();
        return;
      }
      case 'slow-body': {
        const drip = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(drip));
        return;
      }
      case 'silent':
        return;
      default:
        fault satisfies never;
    }
  }

  private metadata(): unknown {
    const issuer = this.fault === 'other-issuer' ? 'https://issuer.example' : this.url;
    return { issuer, jwks_uri: `${this.url}/keys`, response_types_supported: ['code'] };
  }

  private keySet(): JSONWebKeySet {
    return { keys: this.#published.map(({ jwk }) => jwk) };
  }
}

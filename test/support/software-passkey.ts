import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { HttpClient, TestResponse } from './http-client.js';

const USER_PRESENT_AND_VERIFIED = 0x05;
const WITH_CREDENTIAL = 0x40;
/** Of PUBLIC_URL, where a test does not set it. Others have https and no port. */
const LOCAL_ORIGIN = 'http://localhost:3000';

interface Options {
  readonly challenge: string;
  readonly rp?: { readonly id: string };
  readonly rpId?: string;
}

/** Where a server answers no options. */
const NONE: Options = { challenge: '' };

/** What a browser and a device do with a passkey (Web Authentication, level 2; ES256, no attestation), in memory. */
export class SoftwarePasskey {
  readonly id = randomBytes(32).toString('base64url');
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  /** Of the last use. 0: it does not count. */
  counter = 0;
  verified = true;

  /** @param origin of the page; by default that of PUBLIC_URL. */
  constructor(readonly origin?: string) {}

  create({ challenge, rp }: Options): object {
    const id = Buffer.from(this.id, 'base64url');
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const data = [this.data(rp?.id ?? '', WITH_CREDENTIAL), Buffer.alloc(16), length, id, this.coseKey()];
    const attestationObject = Buffer.concat([
      Buffer.from([0xa3]),
      ...[cborText('fmt'), cborText('none'), cborText('attStmt'), Buffer.from([0xa0])],
      ...[cborText('authData'), cborBytes(Buffer.concat(data))],
    ]);
    const clientDataJSON = this.clientData('webauthn.create', challenge, rp?.id);
    return this.answer({
      clientDataJSON: clientDataJSON.toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
      transports: ['internal'],
    });
  }

  use({ challenge, rpId = '' }: Options): object {
    const authenticatorData = this.data(rpId, 0);
    const clientDataJSON = this.clientData('webauthn.get', challenge, rpId);
    const signed = Buffer.concat([authenticatorData, sha256(clientDataJSON)]);
    return this.answer({
      clientDataJSON: clientDataJSON.toString('base64url'),
      authenticatorData: authenticatorData.toString('base64url'),
      signature: sign('sha256', signed, this.#keys.privateKey).toString('base64url'),
    });
  }

  private answer(response: object): object {
    return { id: this.id, rawId: this.id, type: 'public-key', response, clientExtensionResults: {} };
  }

  private clientData(type: string, challenge: string, rpId = ''): Buffer {
    const origin = this.origin ?? (rpId === 'localhost' ? LOCAL_ORIGIN : `https://${rpId}`);
    return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }));
  }

  private data(rpId: string, flags: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.counter);
    const person = this.verified ? USER_PRESENT_AND_VERIFIED : 0x01;
    return Buffer.concat([sha256(Buffer.from(rpId)), Buffer.from([person | flags]), counter]);
  }

  /** RFC 9053, section 7.1.1: EC2, ES256, P-256. */
  private coseKey(): Buffer {
    const { x = '', y = '' } = this.#keys.publicKey.export({ format: 'jwk' });
    const [head, before] = [Buffer.from([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21]), Buffer.from([0x22])];
    const point = (text: string): Buffer => cborBytes(Buffer.from(text, 'base64url'));
    return Buffer.concat([head, point(x), before, point(y)]);
  }
}

/** On a page of the person's. */
export async function addPasskey(client: HttpClient, passkey = new SoftwarePasskey()): Promise<TestResponse> {
  const options = await client.post('/v1/me/passkeys/options');
  const { publicKey = NONE } = options.json<{ publicKey?: Options }>();
  return client.post('/v1/me/passkeys', { name: 'My laptop', response: passkey.create(publicKey) });
}

export async function passkeyAnswer(client: HttpClient, passkey: SoftwarePasskey): Promise<object> {
  const options = await client.post('/v1/auth/passkey/options');
  const { publicKey = NONE } = options.json<{ publicKey?: Options }>();
  return passkey.use(publicKey);
}

/** Signs in. */
export async function usePasskey(client: HttpClient, passkey: SoftwarePasskey): Promise<TestResponse> {
  return client.post('/v1/auth/passkey', { response: await passkeyAnswer(client, passkey) });
}

function cborText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x60 + text.length]), Buffer.from(text)]);
}

function cborBytes(bytes: Buffer): Buffer {
  const head = bytes.length < 256 ? [0x58, bytes.length] : [0x59, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Buffer.from(head), bytes]);
}

function sha256(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest();
}

import type { KeyObject } from 'node:crypto';
import { FernetKey, InvalidFernetToken, MalformedFernetKey, fernetDecrypt, fernetEncrypt } from './fernet.js';
import { deriveSealKey, isSealOf, sealRow, type SealedRow } from './seal.js';

/** The list of keys is not valid. The message names positions, counted from 1, and never quotes a key. */
export class MalformedKeyRing extends Error {
  override readonly name = 'MalformedKeyRing';
}

/** No key of the ring decrypts the secret: it is damaged, or its key was removed from the ring. */
export class UndecryptableSecret extends Error {
  override readonly name = 'UndecryptableSecret';
  constructor() {
    super('No key of the ring decrypts this secret.');
  }
}

/** Fernet keys, newest first: the first one encrypts, all of them decrypt. */
export class KeyRing {
  readonly primaryKeyId: string;
  readonly keyIds: readonly string[];
  readonly #primary: FernetKey;
  readonly #keys: ReadonlyMap<string, FernetKey>;
  readonly #sealKeys: ReadonlyMap<string, KeyObject>;
  readonly #envelopeKeys: ReadonlyMap<string, KeyObject>;

  /** @throws MalformedKeyRing if there is no key, or the same key twice */
  constructor(keys: readonly FernetKey[]) {
    const [primary] = keys;
    if (primary === undefined) throw new MalformedKeyRing('The key ring has no key.');
    keys.forEach((key, index) => {
      const first = keys.findIndex((other) => other.id === key.id);
      if (first !== index) {
        throw new MalformedKeyRing(`Keys ${first + 1} and ${index + 1} of the key ring are the same.`);
      }
    });

    this.#primary = primary;
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#sealKeys = new Map(keys.map((key) => [key.id, deriveSealKey(key)]));
    this.#envelopeKeys = new Map(keys.map((key) => [key.id, key.derive('platform-manager/envelope/v1')]));
    this.primaryKeyId = primary.id;
    this.keyIds = Object.freeze(keys.map((key) => key.id));
  }

  /**
   * Reads Fernet keys, newest first, separated by commas; white space around them is ignored.
   *
   * @throws MalformedKeyRing if a key is empty, malformed or repeated
   */
  static parse(commaSeparated: string): KeyRing {
    const texts = commaSeparated.split(',').map((text) => text.trim());
    return new KeyRing(texts.map((text, index) => parseAt(text, index + 1, texts.length)));
  }

  /**
   * A Fernet token under the primary key.
   *
   * @throws UnencryptableText if the text has a lone surrogate
   */
  encrypt(plaintext: string): string {
    return fernetEncrypt(this.#primary, plaintext);
  }

  /**
   * Decrypts a token that any key of the ring made. `keyId` is only a hint: which key to try first.
   *
   * @throws UndecryptableSecret
   */
  decrypt(token: string, keyId?: string): string {
    const hinted = keyId === undefined ? undefined : this.#keys.get(keyId);
    if (hinted !== undefined) {
      const plaintext = tryDecrypt(hinted, token);
      if (plaintext !== undefined) return plaintext;
    }
    for (const key of this.#keys.values()) {
      if (key === hinted) continue;
      const plaintext = tryDecrypt(key, token);
      if (plaintext !== undefined) return plaintext;
    }
    throw new UndecryptableSecret();
  }

  /**
   * The row's seal under the primary key, or under another key of the ring.
   *
   * @throws RangeError if an id of the row is not an integer, or the ring lacks the key
   */
  seal(row: SealedRow, keyId = this.primaryKeyId): string {
    const sealKey = this.#sealKeys.get(keyId);
    if (sealKey === undefined) throw new RangeError('The key is not in the ring.');
    return sealRow(sealKey, row);
  }

  /**
   * Whether the seal was made for exactly this row under this key. False if the ring lacks the key.
   *
   * @throws RangeError if an id of the row is not an integer
   */
  verifySeal(row: SealedRow, seal: string, keyId: string): boolean {
    const sealKey = this.#sealKeys.get(keyId);
    return sealKey !== undefined && isSealOf(sealKey, row, seal);
  }

  /** Authenticates what this application stores where others can write; see envelope.ts. Undefined if the ring lacks the key. */
  envelopeKey(keyId: string): KeyObject | undefined {
    return this.#envelopeKeys.get(keyId);
  }
}

function parseAt(text: string, position: number, count: number): FernetKey {
  if (text === '') throw new MalformedKeyRing(`Key ${position} of ${count} of the key ring is empty.`);
  try {
    return FernetKey.parse(text);
  } catch (error) {
    if (!(error instanceof MalformedFernetKey)) throw error;
    throw new MalformedKeyRing(`Key ${position} of ${count} of the key ring is malformed. ${error.message}`);
  }
}

function tryDecrypt(key: FernetKey, token: string): string | undefined {
  try {
    return fernetDecrypt(key, token);
  } catch (error) {
    if (error instanceof InvalidFernetToken) return undefined;
    throw error;
  }
}

import { isUtf8 } from 'node:buffer';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  randomFillSync,
  timingSafeEqual,
  type Decipher,
  type KeyObject,
} from 'node:crypto';

/*
 * Fernet, version 0x80: https://github.com/fernet/spec/blob/master/Spec.md
 *
 *   token = base64url(0x80 | timestamp, u64 seconds | IV | AES-128-CBC ciphertext | HMAC-SHA256 of all before)
 *   key   = base64url(16 bytes for the HMAC | 16 bytes for AES)
 */
const VERSION = 0x80;
const TIMESTAMP_AT = 1;
const IV_AT = 9;
const CIPHERTEXT_AT = 25;
const BLOCK_BYTES = 16;
const MAC_BYTES = 32;
const MIN_TOKEN_BYTES = CIPHERTEXT_AT + BLOCK_BYTES + MAC_BYTES;
const DEFAULT_CLOCK_SKEW_SECONDS = 60;

/** What base64url lacks at its end, by the number of bytes modulo 3; Node writes base64url unpadded. */
const PADDING = ['', '==', '='] as const;

const KEY_TEXT = /^[A-Za-z0-9_+/-]{43}=$/;
/** As Python prints bytes or text, or as a shell or an env file quotes them. */
const QUOTED = /^b?['"]|['"]$/;
const KEY_ID_DOMAIN = 'platform-manager/fernet-key-id/v1\0';
const DERIVED_KEY_BYTES = 32;

/** The text is not a Fernet key. The message never quotes it. */
export class MalformedFernetKey extends Error {
  override readonly name = 'MalformedFernetKey';
  constructor(text: string) {
    super(
      QUOTED.test(text)
        ? `Write the key without b and quotation marks: the 44 characters between them.`
        : 'A Fernet key is 32 bytes, written as 44 characters of padded base64.',
    );
  }
}

/**
 * The token is damaged, expired, or was made with another key. One message for all of these: which check failed
 * would help only someone who forges tokens.
 */
export class InvalidFernetToken extends Error {
  override readonly name = 'InvalidFernetToken';
  constructor() {
    super('The Fernet token is not valid.');
  }
}

/** The text has a lone surrogate. UTF-8 cannot carry it, so what decrypts would not be what was encrypted. */
export class UnencryptableText extends Error {
  override readonly name = 'UnencryptableText';
  constructor() {
    super('The text is not well-formed Unicode.');
  }
}

interface KeyParts {
  readonly signing: Buffer;
  readonly encryption: Buffer;
}

// Assigned inside the class, so that this module, and nothing else, can reach them.
let partsOf: (key: FernetKey) => KeyParts;

/** A Fernet key. Its bytes stay out of JSON, `util.inspect` and logs; its {@link id} may appear anywhere. */
export class FernetKey {
  /** The first 16 hex digits of SHA-256 over a domain prefix and the 32 bytes: names the key, reveals nothing. */
  readonly id: string;
  readonly #all: Buffer;
  readonly #parts: KeyParts;

  static {
    partsOf = (key) => key.#parts;
  }

  private constructor(bytes: Buffer) {
    this.#all = bytes;
    this.#parts = { signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) };
    this.id = createHash('sha256').update(KEY_ID_DOMAIN).update(bytes).digest('hex').slice(0, 16);
  }

  /**
   * Reads the 44 characters that any Fernet library writes as a key; the standard base64 alphabet is read too.
   *
   * @throws MalformedFernetKey
   */
  static parse(text: string): FernetKey {
    if (!KEY_TEXT.test(text)) throw new MalformedFernetKey(text);
    return new FernetKey(Buffer.from(text, 'base64url'));
  }

  /** A new random key as text, for {@link parse} or any other Fernet library. */
  static generate(): string {
    return `${randomBytes(32).toString('base64url')}=`;
  }

  /**
   * A 32-byte key for one other purpose, by HKDF-SHA256 (RFC 5869) with an empty salt. Keys for different
   * purposes are independent of each other and reveal nothing about this one.
   */
  derive(purpose: string): KeyObject {
    return createSecretKey(Buffer.from(hkdfSync('sha256', this.#all, '', purpose, DERIVED_KEY_BYTES)));
  }
}

export interface FernetEncryptOptions {
  /** The time written into the token, to the second. */
  readonly now?: Date;
  /** 16 bytes. Only for tests: an IV that is used twice reveals equal beginnings. */
  readonly iv?: Buffer;
}

export interface FernetDecryptOptions {
  /** Refuses a token older than this. Without it a token's time is not looked at. */
  readonly ttlSeconds?: number;
  readonly now?: Date;
  /** How far in the future a token's time may lie, 60 by default; as in the spec, only with `ttlSeconds`. */
  readonly maxClockSkewSeconds?: number;
}

/**
 * Encrypts text, as UTF-8, to a Fernet token.
 *
 * @throws UnencryptableText if the text has a lone surrogate
 * @throws RangeError if `now` cannot be written as a timestamp, or `iv` is not 16 bytes long
 */
export function fernetEncrypt(key: FernetKey, plaintext: string, options: FernetEncryptOptions = {}): string {
  if (/\p{Surrogate}/u.test(plaintext)) throw new UnencryptableText();
  const { signing, encryption } = partsOf(key);

  const blocks = Math.floor(Buffer.byteLength(plaintext) / BLOCK_BYTES) + 1;
  const macAt = CIPHERTEXT_AT + blocks * BLOCK_BYTES;
  const bytes = Buffer.allocUnsafe(macAt + MAC_BYTES);
  const iv = bytes.subarray(IV_AT, CIPHERTEXT_AT);

  bytes[0] = VERSION;
  // BigInt() and this writer throw for an invalid date and for one before 1970.
  bytes.writeBigUInt64BE(BigInt(unixSeconds(options.now)), TIMESTAMP_AT);
  if (options.iv === undefined) {
    randomFillSync(iv);
  } else if (options.iv.length === BLOCK_BYTES) {
    iv.set(options.iv);
  } else {
    throw new RangeError('A Fernet IV is 16 bytes long.');
  }

  const cipher = createCipheriv('aes-128-cbc', encryption, iv);
  const head = cipher.update(plaintext, 'utf8');
  bytes.set(head, CIPHERTEXT_AT);
  bytes.set(cipher.final(), CIPHERTEXT_AT + head.length);
  bytes.set(createHmac('sha256', signing).update(bytes.subarray(0, macAt)).digest(), macAt);
  return paddedBase64url(bytes);
}

/**
 * Decrypts a Fernet token to its text. The HMAC is checked before anything is decrypted.
 *
 * @throws InvalidFernetToken for every reason, also when the text is not UTF-8
 */
export function fernetDecrypt(key: FernetKey, token: string, options: FernetDecryptOptions = {}): string {
  const { signing, encryption } = partsOf(key);

  // Node's decoder skips foreign characters, reads U+0141 as "A", and ignores surplus bits. Only the one
  // canonical spelling survives being encoded again.
  const bytes = Buffer.from(token, 'base64url');
  if (paddedBase64url(bytes) !== token) throw new InvalidFernetToken();

  const macAt = bytes.length - MAC_BYTES;
  if (
    bytes.length < MIN_TOKEN_BYTES ||
    (macAt - CIPHERTEXT_AT) % BLOCK_BYTES !== 0 ||
    bytes[0] !== VERSION ||
    !timingSafeEqual(
      createHmac('sha256', signing).update(bytes.subarray(0, macAt)).digest(),
      bytes.subarray(macAt),
    )
  ) {
    throw new InvalidFernetToken();
  }
  if (options.ttlSeconds !== undefined && !isTimely(bytes, options.ttlSeconds, options)) {
    throw new InvalidFernetToken();
  }

  const decipher = createDecipheriv('aes-128-cbc', encryption, bytes.subarray(IV_AT, CIPHERTEXT_AT));
  const plaintext = finished(decipher, bytes.subarray(CIPHERTEXT_AT, macAt));
  if (!isUtf8(plaintext)) throw new InvalidFernetToken();
  return plaintext.toString('utf8');
}

/** Wrong padding is no oracle for an attacker: the HMAC shows that the token is ours before it is decrypted. */
function finished(decipher: Decipher, ciphertext: Buffer): Buffer {
  const head = decipher.update(ciphertext);
  try {
    return Buffer.concat([head, decipher.final()]);
  } catch {
    throw new InvalidFernetToken();
  }
}

function isTimely(bytes: Buffer, ttlSeconds: number, options: FernetDecryptOptions): boolean {
  const writtenAt = Number(bytes.readBigUInt64BE(TIMESTAMP_AT));
  const now = unixSeconds(options.now);
  const skewSeconds = options.maxClockSkewSeconds ?? DEFAULT_CLOCK_SKEW_SECONDS;
  // Asked in this direction, NaN in any operand refuses the token.
  return now <= writtenAt + ttlSeconds && writtenAt <= now + skewSeconds;
}

function unixSeconds(now: Date | undefined): number {
  return Math.floor((now === undefined ? Date.now() : now.getTime()) / 1000);
}

function paddedBase64url(bytes: Buffer): string {
  return bytes.toString('base64url') + (PADDING[bytes.length % 3] ?? '');
}

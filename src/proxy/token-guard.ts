import { CredentialEchoed } from './proxy.errors.js';

const NOTHING = Buffer.alloc(0);

/**
 * Lets an answer through unless it contains the access token, as it is or in a spelling that servers commonly give to what
 * they repeat. An instance that wants a worker to have the token can always encode it in another way; this catches the
 * ones that repeat it, in error messages for example.
 */
export class TokenGuard {
  readonly #needles: readonly Needle[];
  readonly #plainToken: string;
  #held: Buffer = NOTHING;

  constructor(accessToken: string) {
    this.#needles = spellingsOf(accessToken).map((text) => new Needle(Buffer.from(text)));
    this.#plainToken = plain(accessToken);
  }

  /** @throws {CredentialEchoed} */
  assertAbsentIn(header: string): void {
    const bytes = Buffer.from(header, 'latin1');
    if (plain(header).includes(this.#plainToken) || this.#needles.some((needle) => needle.isIn(bytes)))
      throw new CredentialEchoed();
  }

  /**
   * @returns what may be sent on. An end that may be the beginning of the token is held back until the next chunk.
   * @throws {CredentialEchoed}
   */
  pass(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    let held = 0;
    for (const needle of this.#needles) {
      if (needle.isIn(bytes)) throw new CredentialEchoed();
      held = Math.max(held, needle.advance(chunk));
    }
    const end = bytes.length - held;
    // A copy: the chunk is large, and may wait here for long.
    this.#held = held === 0 ? NOTHING : Buffer.from(bytes.subarray(end));
    return bytes.subarray(0, end);
  }

  /** What was held back, at the end of the answer. */
  rest(): Buffer {
    return this.#held;
  }
}

/** One spelling, and how much of it the answer so far ends with (Knuth, Morris and Pratt). */
class Needle {
  readonly #fallback: Uint16Array;
  #matched = 0;

  constructor(private readonly bytes: Buffer) {
    this.#fallback = new Uint16Array(bytes.length + 1);
    for (let at = 1, matched = 0; at < bytes.length; at++) {
      matched = this.next(matched, bytes[at]);
      this.#fallback[at + 1] = matched;
    }
  }

  isIn(bytes: Buffer): boolean {
    return bytes.includes(this.bytes);
  }

  /** Of a chunk that does not complete it. */
  advance(chunk: Buffer): number {
    const longest = this.bytes.length - 1;
    const isLong = chunk.length >= longest;
    let matched = isLong ? 0 : this.#matched;
    for (let at = isLong ? chunk.length - longest : 0; at < chunk.length; at++)
      matched = this.next(matched, chunk[at]);
    this.#matched = matched;
    return matched;
  }

  private next(from: number, byte: number | undefined): number {
    let matched = from;
    while (matched > 0 && this.bytes[matched] !== byte) matched = this.#fallback[matched] ?? 0;
    return this.bytes[matched] === byte ? matched + 1 : matched;
  }
}

function spellingsOf(token: string): string[] {
  const encoded = encodeURIComponent(token);
  const json = JSON.stringify(token).slice(1, -1);
  const escapes = encoded.replace(/%../g, (escape) => escape.toLowerCase());
  return [
    ...new Set([token, encoded, escapes, json, json.replaceAll('/', '\\/'), ...base64Of(Buffer.from(token))]),
  ];
}

/** The characters that the token has in base64 whatever stands before and after it, as in `user:token`. */
function base64Of(token: Buffer): string[] {
  const texts = [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), token]).toString('base64url');
    const bits = (before + token.length) * 8;
    return text.slice(Math.ceil((before * 8) / 6), Math.floor(bits / 6));
  });
  return [...texts, ...texts.map((text) => text.replaceAll('-', '+').replaceAll('_', '/'))];
}

/** Undoes percent-encoding, and ignores case because a URL parser lower-cases hosts. */
function plain(text: string): string {
  return text
    .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .toLowerCase();
}

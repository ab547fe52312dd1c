import { randomBytes } from 'node:crypto';

const MARKER = 'sEcReT-';
/** The marker as it is, in hex (PostgreSQL shows bytea so), and in base64 wherever it stands in a longer text. */
const MARKERS = [MARKER, Buffer.from(MARKER).toString('hex'), ...[0, 1, 2].map(inBase64)];

/** A secret that any search recognises, whoever made it. */
export function markedSecret(what: string): string {
  // Letters alone: zxcvbn takes 1 ms for such a password, and 10 ms where digits could stand for letters.
  const letters = randomBytes(12)
    .toString('hex')
    .replaceAll(/\d/g, (digit) => 'ghijklmnop'[Number(digit)] ?? '');
  return `${MARKER}${letters}-${what}`;
}

/** The plain secrets that a test file has used, and the search for them in what the system leaves behind. */
export class Secrets {
  /** Recognised by their marker alone. */
  #made = 0;
  /** Those whose form we do not choose, such as tokens that the application made. */
  readonly #given = new Set<string>();

  get size(): number {
    return this.#made + this.#given.size;
  }

  /** A new secret, recognisable when it turns up somewhere. */
  make(what: string): string {
    this.#made++;
    return markedSecret(what);
  }

  add(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) if (secret !== undefined && secret !== '') this.#given.add(secret);
  }

  /** What of the secrets stands in `text`, with a little of what is around it. */
  foundIn(text: string): string[] {
    const found = [...MARKERS, ...this.#given].filter((secret) => text.includes(secret));
    return found.map((secret) => text.slice(Math.max(0, text.indexOf(secret) - 40)).slice(0, 160));
  }
}

/** What of the marker's base64 does not depend on its neighbours, after so many other bytes. Without + and /, so that it is base64url too. */
function inBase64(bytesBefore: number): string {
  const text = Buffer.concat([Buffer.alloc(bytesBefore), Buffer.from(MARKER)]).toString('base64');
  const completeBits = 8 * (bytesBefore + MARKER.length);
  return text.slice(Math.ceil((8 * bytesBefore) / 6), Math.floor(completeBits / 6));
}

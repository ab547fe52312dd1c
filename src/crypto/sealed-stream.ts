import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';

/*
 * A stream sealed with a passphrase. Nothing of it is readable, and nothing can be changed, moved or cut off unnoticed.
 *
 *   header = "platform-manager sealed 1\n" | log2(N), one byte | r, one byte | p, one byte | salt, 16 bytes
 *   key    = scrypt(passphrase as UTF-8, salt, N, r, p), 32 bytes (RFC 7914)
 *   chunk  = AES-256-GCM of 65,536 bytes, of the last chunk 0 to 65,536; its tag of 16 bytes follows
 *   nonce  = number of the chunk from 0, 11 bytes, big-endian | 1 for the last chunk, else 0, one byte
 *
 * The header is the additional data of each chunk. The salt makes the key of each file another, so no nonce is used twice.
 * The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: https://eprint.iacr.org/2015/189).
 */
const MAGIC = Buffer.from('platform-manager sealed 1\n');
const SALT_BYTES = 16;
const HEADER_BYTES = MAGIC.length + 3 + SALT_BYTES;
const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

/** 128 MiB and about half a second for each guess. */
const LOG2_N = 17;
const R = 8;
const P = 1;
/** A file may ask for more, but not for so much that reading it takes the machine's memory. */
const MIN_LOG2_N = 14;
const MAX_LOG2_N = 19;

/** The passphrase is wrong, or the file was changed or cut off. One message: a wrong key and a wrong tag look the same. */
export class Unsealable extends Error {
  override readonly name = 'Unsealable';
}

/** Whether a file that begins with these bytes is sealed. */
export function isSealed(head: Buffer): boolean {
  return head.subarray(0, MAGIC.length).equals(MAGIC);
}

/** @param log2N only for tests: what is cheaper to seal is cheaper to guess. */
export async function* sealed(
  source: AsyncIterable<Buffer>,
  passphrase: string,
  log2N = LOG2_N,
): AsyncGenerator<Buffer> {
  const header = Buffer.concat([MAGIC, Buffer.from([log2N, R, P]), randomBytes(SALT_BYTES)]);
  const key = await keyOf(passphrase, header);
  yield header;
  for await (const { bytes, number, isLast } of chunks(source, CHUNK_BYTES)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(number, isLast)).setAAD(header);
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }
}

/**
 * What was sealed. A chunk is given out once it is authenticated; that the end is there shows at the end only.
 *
 * @throws {Unsealable}
 */
export async function* unsealed(source: AsyncIterable<Buffer>, passphrase: string): AsyncGenerator<Buffer> {
  let header: Buffer | undefined;
  let key: Buffer = Buffer.alloc(0);
  const rest = withoutHeader(source, (bytes) => (header = bytes));
  for await (const { bytes, number, isLast } of chunks(rest, CHUNK_BYTES + TAG_BYTES)) {
    if (header === undefined || bytes.length < TAG_BYTES) throw new Unsealable('The sealed file is cut off.');
    if (number === 0) key = await keyOf(passphrase, header);
    const tagAt = bytes.length - TAG_BYTES;
    const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(number, isLast))
      .setAAD(header)
      .setAuthTag(bytes.subarray(tagAt));
    const head = decipher.update(bytes.subarray(0, tagAt));
    try {
      yield Buffer.concat([head, decipher.final()]);
    } catch {
      throw new Unsealable(
        number === 0
          ? 'The passphrase is wrong, or the sealed file was changed.'
          : 'The sealed file was changed or is cut off.',
      );
    }
  }
}

interface Chunk {
  readonly bytes: Buffer;
  readonly number: number;
  readonly isLast: boolean;
}

/** Portions of this size, and a last one that is smaller or as large. There is always one. */
async function* chunks(source: AsyncIterable<Buffer>, size: number): AsyncGenerator<Chunk> {
  let number = 0;
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const part of source) {
    waiting.push(part);
    length += part.length;
    // Not at exactly the size: it may be the last one.
    if (length <= size) continue;
    let bytes = Buffer.concat(waiting);
    for (; bytes.length > size; bytes = bytes.subarray(size))
      yield { bytes: bytes.subarray(0, size), number: number++, isLast: false };
    waiting = [bytes];
    length = bytes.length;
  }
  yield { bytes: Buffer.concat(waiting), number, isLast: true };
}

async function* withoutHeader(
  source: AsyncIterable<Buffer>,
  onHeader: (header: Buffer) => void,
): AsyncGenerator<Buffer> {
  let head: Buffer | null = Buffer.alloc(0);
  for await (const part of source) {
    if (head === null) {
      yield part;
      continue;
    }
    head = Buffer.concat([head, part]);
    if (head.length < HEADER_BYTES) continue;
    onHeader(head.subarray(0, HEADER_BYTES));
    yield head.subarray(HEADER_BYTES);
    head = null;
  }
}

async function keyOf(passphrase: string, header: Buffer): Promise<Buffer> {
  const [log2N = 0, r = 0, p = 0] = header.subarray(MAGIC.length);
  if (!isSealed(header) || log2N < MIN_LOG2_N || log2N > MAX_LOG2_N || r !== R || p !== P)
    throw new Unsealable('The sealed file is of another version, or was changed.');
  const N = 2 ** log2N;
  const salt = header.subarray(HEADER_BYTES - SALT_BYTES);
  return new Promise((resolve, reject) => {
    scrypt(passphrase, salt, KEY_BYTES, { N, r, p, maxmem: 129 * N * r }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}

function nonceOf(number: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(number, NONCE_BYTES - 7, 6);
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

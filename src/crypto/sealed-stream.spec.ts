import { createDecipheriv, scryptSync } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { Unsealable, isSealed, sealed, unsealed } from './sealed-stream.js';

const CHUNK = 65_536;
const TAG = 16;
const HEADER = 45;
const PASSPHRASE = 'correct horse battery staple';

/** In pieces of one size, as a file is not read. */
function inPieces(bytes: Buffer, size: number): AsyncIterable<Buffer> {
  const count = Math.ceil(bytes.length / size);
  return Readable.from(
    Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  ) as AsyncIterable<Buffer>;
}

async function all(source: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

const seal = (text: Buffer, size = 1000) => all(sealed(inPieces(text, size), PASSPHRASE, 14));
const open = (bytes: Buffer, passphrase = PASSPHRASE) => all(unsealed(inPieces(bytes, 7777), passphrase));
const textOf = (length: number): Buffer => Buffer.alloc(length, 'The quick brown fox. ');

describe('a sealed stream', () => {
  it.each([0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])(
    'gives back %i bytes, and shows none',
    async (length) => {
      const text = textOf(length);
      const bytes = await seal(text);
      expect(isSealed(bytes)).toBe(true);
      expect(bytes.includes('quick')).toBe(false);
      expect(bytes.length).toBe(HEADER + length + TAG * Math.max(1, Math.ceil(length / CHUNK)));
      expect((await open(bytes)).equals(text)).toBe(true);
    },
  );

  it('is as documented: another program opens it with scrypt and AES-256-GCM alone', async () => {
    const bytes = await all(sealed(inPieces(textOf(CHUNK + 5), 1000), PASSPHRASE));
    const header = bytes.subarray(0, HEADER);
    expect(header.subarray(0, 26).toString()).toBe('platform-manager sealed 1\n');
    const [log2N = 0, r, p] = header.subarray(26, 29);
    const key = scryptSync(PASSPHRASE, header.subarray(29), 32, { N: 2 ** log2N, r, p, maxmem: 2 ** 28 });
    const last = bytes.subarray(HEADER + CHUNK + TAG);
    const nonce = Buffer.from('000000000000000000000101', 'hex');
    const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(header).setAuthTag(last.subarray(5));
    expect(Buffer.concat([decipher.update(last.subarray(0, 5)), decipher.final()])).toEqual(
      textOf(CHUNK + 5).subarray(CHUNK),
    );
  });

  it('opens for no other passphrase', async () => {
    await expect(open(await seal(textOf(10)), 'another')).rejects.toThrow('The passphrase is wrong');
  });

  it('is refused when it was cut off, also between chunks, when chunks were exchanged, or a bit was changed', async () => {
    const bytes = await seal(textOf(3 * CHUNK));
    const chunk = (number: number) => {
      const at = HEADER + number * (CHUNK + TAG);
      return bytes.subarray(at, at + CHUNK + TAG);
    };
    const header = bytes.subarray(0, HEADER);
    const changed = Buffer.from(bytes);
    changed[HEADER + CHUNK + TAG + 5] = (changed[HEADER + CHUNK + TAG + 5] ?? 0) ^ 1;
    for (const wrong of [
      Buffer.concat([header, chunk(0), chunk(1)]),
      Buffer.concat([header, chunk(0), chunk(2)]),
      Buffer.concat([header, chunk(0), chunk(2), chunk(1)]),
      bytes.subarray(0, HEADER + 3),
      bytes.subarray(0, HEADER - 1),
      Buffer.concat([bytes, Buffer.from('x')]),
      changed,
    ])
      await expect(open(wrong)).rejects.toBeInstanceOf(Unsealable);
  });

  it('does not take all memory because a file says so', async () => {
    const bytes = await seal(textOf(1));
    for (const [at, value] of [
      [26, 31],
      [26, 0],
      [27, 255],
      [28, 255],
    ] as const) {
      const wrong = Buffer.from(bytes);
      wrong[at] = value;
      await expect(open(wrong)).rejects.toThrow('of another version');
    }
  });
});

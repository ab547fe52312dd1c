import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { FernetKey, fernetDecrypt, fernetEncrypt } from '../../src/crypto/fernet.js';
import { median } from './statistics.js';

export interface FernetFigures {
  /** Operations per second, medians. */
  readonly open: number;
  readonly openBare: number;
  readonly seal: number;
  readonly sealBare: number;
}

const SECRET = 'x'.repeat(64);
const OPERATIONS = 20_000;

/** Fernet against the node:crypto calls that it cannot do without, in interleaved rounds. */
export function fernetFigures(rounds: number): FernetFigures {
  const text = FernetKey.generate();
  const key = FernetKey.parse(text);
  const bytes = Buffer.from(text, 'base64url');
  const signing = bytes.subarray(0, 16);
  const encrypting = bytes.subarray(16);
  const token = fernetEncrypt(key, SECRET);

  const openBare = (): void => {
    const all = Buffer.from(token, 'base64url');
    const end = all.length - 32;
    const mac = createHmac('sha256', signing).update(all.subarray(0, end)).digest();
    if (!timingSafeEqual(mac, all.subarray(end))) throw new Error('The token is not authentic');
    const decipher = createDecipheriv('aes-128-cbc', encrypting, all.subarray(9, 25));
    Buffer.concat([decipher.update(all.subarray(25, end)), decipher.final()]).toString('utf8');
  };
  const sealBare = (): void => {
    const iv = randomBytes(16);
    const cipher = createCipheriv('aes-128-cbc', encrypting, iv);
    const body = Buffer.concat([Buffer.alloc(9), iv, cipher.update(SECRET, 'utf8'), cipher.final()]);
    Buffer.concat([body, createHmac('sha256', signing).update(body).digest()]).toString('base64url');
  };

  const contestants = {
    open: () => void fernetDecrypt(key, token),
    openBare,
    seal: () => void fernetEncrypt(key, SECRET),
    sealBare,
  };
  const rates = {
    open: [] as number[],
    openBare: [] as number[],
    seal: [] as number[],
    sealBare: [] as number[],
  };
  for (let round = 0; round <= rounds; round++) {
    for (const name of ['open', 'openBare', 'seal', 'sealBare'] as const) {
      const rate = perSecond(contestants[name]);
      // The first round warms up.
      if (round > 0) rates[name].push(rate);
    }
  }
  return {
    open: median(rates.open),
    openBare: median(rates.openBare),
    seal: median(rates.seal),
    sealBare: median(rates.sealBare),
  };
}

function perSecond(operation: () => void): number {
  const started = performance.now();
  for (let index = 0; index < OPERATIONS; index++) operation();
  return (OPERATIONS / (performance.now() - started)) * 1000;
}

import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { createRequire } from 'node:module';
import { FernetKey, fernetDecrypt, fernetEncrypt } from '../../src/crypto/fernet.js';
import { type Section, count } from './report.js';
import { ratio, spread } from './statistics.js';

/** The `fernet` package: JavaScript on crypto-js, without types. */
interface OtherFernet {
  Secret: new (key: string) => object;
  Token: new (options: { secret: object; token?: string; ttl?: number }) => {
    encode(message: string): string;
    decode(): string;
  };
}

const other = createRequire(import.meta.url)('fernet') as OtherFernet;
const SECRET = 'x'.repeat(64);
const NAMES = ['open', 'openBare', 'openPackage', 'seal', 'sealBare', 'sealPackage'] as const;
type Name = (typeof NAMES)[number];

/** Fernet against the calls of node:crypto as they are usually made, and against the package, in interleaved rounds. */
export function fernet(rounds: number, milliseconds: number): Section {
  const operations = contestants();
  const rates: Record<Name, number[]> = {
    open: [],
    openBare: [],
    openPackage: [],
    seal: [],
    sealBare: [],
    sealPackage: [],
  };
  for (let round = 0; round <= rounds; round++) {
    for (const name of NAMES) {
      const rate = perSecond(operations[name], milliseconds);
      // The first round warms up.
      if (round > 0) rates[name].push(rate);
    }
  }
  const figures = Object.fromEntries(NAMES.map((name) => [name, spread(rates[name])]));
  const rateOf = (name: Name): string => count(figures[name]?.median ?? Number.NaN);
  return {
    measures: [
      {
        what: 'Fernet open / bare node:crypto',
        value: ratio(rates.open, rates.openBare),
        goal: { atLeast: 0.8 },
      },
      { what: 'Fernet open / the fernet package', value: ratio(rates.open, rates.openPackage) },
      { what: 'Fernet seal / bare node:crypto', value: ratio(rates.seal, rates.sealBare) },
      { what: 'Fernet seal / the fernet package', value: ratio(rates.seal, rates.sealPackage) },
    ],
    lines: [
      `Fernet, operations per second: open ${rateOf('open')} (bare ${rateOf('openBare')}, package ` +
        `${rateOf('openPackage')}), seal ${rateOf('seal')} (bare ${rateOf('sealBare')}, package ${rateOf('sealPackage')})`,
    ],
    figures,
  };
}

function contestants(): Record<Name, () => unknown> {
  const text = FernetKey.generate();
  const key = FernetKey.parse(text);
  const secret = new other.Secret(text);
  const bytes = Buffer.from(text, 'base64url');
  const signing = bytes.subarray(0, 16);
  const encrypting = bytes.subarray(16);
  const token = fernetEncrypt(key, SECRET);
  return {
    open: () => fernetDecrypt(key, token),
    openBare: () => {
      const all = Buffer.from(token, 'base64url');
      const end = all.length - 32;
      const mac = createHmac('sha256', signing).update(all.subarray(0, end)).digest();
      if (!timingSafeEqual(mac, all.subarray(end))) throw new Error('The token is not authentic');
      const decipher = createDecipheriv('aes-128-cbc', encrypting, all.subarray(9, 25));
      return Buffer.concat([decipher.update(all.subarray(25, end)), decipher.final()]).toString('utf8');
    },
    // A TTL of zero is none.
    openPackage: () => new other.Token({ secret, token, ttl: 0 }).decode(),
    seal: () => fernetEncrypt(key, SECRET),
    sealBare: () => {
      const iv = randomBytes(16);
      const cipher = createCipheriv('aes-128-cbc', encrypting, iv);
      const body = Buffer.concat([Buffer.alloc(9), iv, cipher.update(SECRET, 'utf8'), cipher.final()]);
      return Buffer.concat([body, createHmac('sha256', signing).update(body).digest()]).toString('base64url');
    },
    sealPackage: () => new other.Token({ secret }).encode(SECRET),
  };
}

function perSecond(operation: () => unknown, milliseconds: number): number {
  const started = performance.now();
  let operations = 0;
  let elapsed = 0;
  for (; elapsed < milliseconds; elapsed = performance.now() - started) {
    for (let index = 0; index < 50; index++) operation();
    operations += 50;
  }
  return (operations / elapsed) * 1000;
}

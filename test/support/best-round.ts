import { note } from './load.js';

/** A measured figure, and what it may be at most; a limit in milliseconds includes the noise of its round. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly limit: number;
}

const isWithin = ({ value, limit }: Figure): boolean => value <= limit;
const inWords = (figure: Figure): string =>
  `${figure.what} ${Math.round(figure.value)} of ${Math.round(figure.limit)}${isWithin(figure) ? '' : ' (!)'}`;

/**
 * Measures up to `rounds` times, until all figures of one round are within their limits. What else a machine has to do
 * only ever adds to such a figure, so the best round says most about the application. What has to hold however busy the
 * machine is belongs into `measure` as an assertion: it counts in every round. A round that is over a limit is printed.
 *
 * @throws when no round is within the limits.
 */
export async function expectBestRound(measure: () => Promise<readonly Figure[]>, rounds = 3): Promise<void> {
  const lines: string[] = [];
  for (let round = 1; round <= rounds; round++) {
    const figures = await measure();
    if (figures.length === 0) throw new Error('Nothing was measured');
    const line = `round ${round}: ${figures.map(inWords).join('; ')}`;
    lines.push(line);
    if (figures.every(isWithin)) return note(line);
    process.stderr.write(`      over a limit in ${line}\n`);
  }
  throw new Error(`None of ${rounds} rounds was within the limits\n${lines.join('\n')}`);
}

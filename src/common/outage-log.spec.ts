import { describe, expect, it } from '@jest/globals';
import { OutageLog } from './outage-log.js';

function outageLog() {
  const lines: string[] = [];
  const clock = { nowMs: 0 };
  const logger = { log: (line: string) => lines.push(line), warn: (line: string) => lines.push(line) };
  return {
    lines,
    clock,
    outage: new OutageLog(logger as never, 'PostgreSQL answers again.', () => clock.nowMs),
  };
}

describe('OutageLog', () => {
  it('says once that the database does not answer, and once that it does again', () => {
    const { lines, outage } = outageLog();
    outage.succeeded();
    for (let n = 0; n < 1000; n++) outage.failed('ECONNREFUSED');
    for (let n = 0; n < 1000; n++) outage.succeeded();
    expect(lines).toEqual([expect.stringContaining('ECONNREFUSED'), expect.stringContaining('again')]);
  });

  it('is late, but not silent, about an outage that begins soon after another one', () => {
    const { lines, clock, outage } = outageLog();
    outage.failed('57P01');
    outage.succeeded();
    for (; clock.nowMs < 60_000; clock.nowMs += 10) outage.failed('ECONNREFUSED');
    expect(lines).toEqual([
      expect.stringContaining('57P01'),
      expect.stringContaining('again'),
      expect.stringContaining('ECONNREFUSED'),
    ]);
  });

  it('says no more in five seconds when statements fail and succeed in turn, and never the end of what it did not tell', () => {
    const { lines, clock, outage } = outageLog();
    for (; clock.nowMs < 20_000; clock.nowMs += 10) {
      outage.failed('57014');
      outage.succeeded();
    }
    expect(lines).toHaveLength(8);
    expect(lines.filter((line) => line.includes('again'))).toHaveLength(4);
  });
});

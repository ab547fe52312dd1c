import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.js';
import { terminalLog } from './terminal-log.js';

async function lines(log: (logger: ReturnType<typeof createLogger>) => void, colours = false) {
  let text = '';
  const output = {
    isTTY: true,
    hasColors: () => colours,
    write: (piece: string | Uint8Array) => (text += String(piece)) !== '',
  };
  log(createLogger({ logLevel: 'info' }, await terminalLog({ production: false }, output)));
  return text;
}

describe('terminalLog', () => {
  it('writes a line per record: time, level, message and fields', async () => {
    const text = await lines((logger) => logger.info({ path: '/v1', took: { ms: 5 } }, 'served'));
    expect(text).toMatch(/^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: served {"path":"\/v1","took":{"ms":5}}\n$/);
  });

  it('writes a stack below, and colours where the terminal has them', async () => {
    const text = await lines((logger) => logger.error({ stack: 'Error: x\n    at y' }, 'failed'), true);
    expect(text).toContain('failed\nError: x\n    at y');
    expect(text).toContain('] \u001B[31mERROR\u001B[39m: ');
  });

  it.each(['\u001B[2J', '\u009B2J', '\u007F', '\b', '\r', '\\\u001B[2J', '\\\\\u0000', '\u0007'])(
    'lets no %j of a request reach the terminal',
    async (hostile) => {
      const text = await lines((logger) => {
        logger.warn({ path: hostile, err: Object.assign(new Error(hostile), { stack: hostile }) }, hostile);
        logger.warn({ stack: hostile, [hostile]: hostile.repeat(50) }, hostile.repeat(50));
      });
      expect(text).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F-\u009F]/); // eslint-disable-line no-control-regex
      expect(text.length).toBeGreaterThan(100);
    },
  );

  it('keeps a message on one line, and leaves other characters as they are', async () => {
    expect(await lines((logger) => logger.info('ä\n[00:00:00] INFO: forged \\n \u{1F600}'))).toMatch(
      / INFO: ä\\n\[00:00:00\] INFO: forged \\n \u{1F600}\n$/u,
    );
  });

  it.each([
    ['in production', true, true],
    ['without a terminal', false, false],
  ])('leaves JSON %s', async (_, production, isTTY) => {
    const output = { isTTY, hasColors: () => true, write: () => true };
    expect(await terminalLog({ production }, output)).toBeUndefined();
  });
});

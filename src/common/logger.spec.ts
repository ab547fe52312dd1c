import { describe, expect, it } from '@jest/globals';
import { QueryFailedError } from 'typeorm';
import { NestPinoLogger, createLogger } from './logger.js';
import { recentErrors } from './recent-errors.js';

const SECRET = 'hunter2-secret-value';

function recorded(level: 'info' | 'trace' = 'info') {
  const lines: string[] = [];
  const logger = createLogger({ logLevel: level }, { write: (line) => void lines.push(line) });
  return { logger, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>), lines };
}

describe('createLogger', () => {
  it('writes one JSON object a line, with the name of the level and the time', () => {
    const { logger, records, lines } = recorded();
    logger.info({ path: '/v1' }, 'two\nlines');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^[^\n]+\n$/);
    expect(records()).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/), path: '/v1', msg: 'two\nlines' },
    ]);
  });

  it.each([
    'accessToken',
    'refreshToken',
    'clientKey',
    'clientSecret',
    'password',
    'passwordHash',
    'authorization',
    'cookie',
    'token',
    'key',
    'seal',
  ])('redacts %s, down to the second level', (field) => {
    const { logger, records, lines } = recorded();
    logger.info({ [field]: SECRET, body: { [field]: SECRET, inner: { [field]: SECRET } } }, 'message');
    expect(lines.join('')).not.toContain(SECRET);
    expect(records()[0]).toMatchObject({ [field]: '[redacted]' });
  });
});

describe('NestPinoLogger', () => {
  it('keeps the context and the stack of a Nest message', () => {
    const { logger, records } = recorded('trace');
    const nest = new NestPinoLogger(logger);
    nest.log('started', 'Outbox');
    nest.warn('slow', 'Outbox');
    nest.error('failed', 'Error: failed\n    at here', 'Outbox');
    nest.fatal('gone');
    nest.debug('detail', 'Outbox');
    nest.verbose('more', 'Outbox');
    expect(records().map(({ level, msg, context, stack }) => [level, msg, context, stack])).toEqual([
      ['info', 'started', 'Outbox', undefined],
      ['warn', 'slow', 'Outbox', undefined],
      ['error', 'failed', 'Outbox', 'Error: failed\n    at here'],
      ['fatal', 'gone', undefined, undefined],
      ['debug', 'detail', 'Outbox', undefined],
      ['trace', 'more', 'Outbox', undefined],
    ]);
  });

  it("logs Nest's wiring at debug level only", () => {
    const { logger, records } = recorded();
    new NestPinoLogger(logger).log('AppModule dependencies initialized', 'InstanceLoader');
    expect(records()).toEqual([]);
  });

  it('logs an error by its message and stack, not by its properties', () => {
    const { logger, records, lines } = recorded();
    const error = Object.assign(new Error('failed'), { parameters: [SECRET], query: SECRET });
    new NestPinoLogger(logger).error(error);
    expect(records()[0]).toMatchObject({ level: 'error', msg: 'failed', stack: error.stack });
    expect(lines.join('')).not.toContain(SECRET);
  });

  it("logs PostgreSQL's errors by their code, because their messages can quote a row", () => {
    const { logger, records, lines } = recorded();
    const refusal = Object.assign(new Error(`"${SECRET}" is no number`), {
      severity: 'ERROR',
      code: '22P02',
    });
    const nest = new NestPinoLogger(logger);
    nest.error(refusal);
    nest.error(new QueryFailedError('SELECT $1', [SECRET], refusal));
    expect(records().map(({ msg }) => msg)).toEqual(['database error 22P02', 'database error 22P02']);
    expect(records()[1]?.stack).toMatch(/^ +at /);
    expect([lines.join(''), JSON.stringify(recentErrors.list())].join('')).not.toContain(SECRET);
  });
});

import { describe, expect, it } from '@jest/globals';
import {
  QueryFailedError,
  QueryRunnerAlreadyReleasedError,
  QueryRunnerProviderAlreadyReleasedError,
} from 'typeorm';
import { DatabaseUnavailable, isDatabaseUnavailable, violatedUniqueConstraint } from './database-errors.js';

function withCode(code: string, message = 'message', rest: object = {}): Error {
  return Object.assign(new Error(message), { code, ...rest });
}

const inQuery = (driverError: Error): QueryFailedError => new QueryFailedError('SELECT 1', [], driverError);

describe('isDatabaseUnavailable', () => {
  it.each([
    ['refused', withCode('ECONNREFUSED')],
    ['reset', withCode('ECONNRESET')],
    ['a closed pipe', withCode('EPIPE')],
    ['a socket time-out', withCode('ETIMEDOUT')],
    ['an unknown host', withCode('ENOTFOUND')],
    ['a name server that is away', withCode('EAI_AGAIN')],
    ['no route', withCode('EHOSTUNREACH')],
    ['a missing Unix socket', withCode('ENOENT')],
    ['admin_shutdown', withCode('57P01')],
    ['crash_shutdown', withCode('57P02')],
    ['cannot_connect_now', withCode('57P03')],
    ['idle_session_timeout', withCode('57P05')],
    ['a statement time-out', withCode('57014')],
    ['too_many_connections', withCode('53300')],
    ['a standby', withCode('25006')],
    ['idle_in_transaction_session_timeout', withCode('25P03')],
    ['a serialization failure', withCode('40001')],
    ['a deadlock', withCode('40P01')],
    ['connection_exception', withCode('08000')],
    ['connection_failure', withCode('08006')],
    ['no place in the pool', new Error('timeout exceeded when trying to connect')],
    ['a connection that ended', new Error('Connection terminated unexpectedly')],
    [
      'a connection that ended during a connect',
      new Error('Connection terminated due to connection timeout'),
    ],
    ['no answer to a query', new Error('Query read timeout')],
    ['a broken client', new Error('Client has encountered a connection error and is not queryable')],
    ['a closed client', new Error('Client was closed and is not queryable')],
  ])('is true of %s, also inside a failed query', (_, error) => {
    expect(isDatabaseUnavailable(error)).toBe(true);
    expect(isDatabaseUnavailable(inQuery(error))).toBe(true);
  });

  it('is true when every address of the host refused', () => {
    const both = new AggregateError([withCode('ECONNREFUSED', '::1'), withCode('ECONNREFUSED', '127.0.0.1')]);
    expect(isDatabaseUnavailable(both)).toBe(true);
    expect(isDatabaseUnavailable(new AggregateError([new Error('other')]))).toBe(false);
  });

  it('is true of a transaction whose connection was lost between its statements', () => {
    expect(isDatabaseUnavailable(new QueryRunnerAlreadyReleasedError())).toBe(true);
    expect(isDatabaseUnavailable(new QueryRunnerProviderAlreadyReleasedError())).toBe(true);
  });

  it.each([
    ['a violated unique constraint', withCode('23505')],
    ['a violated check', withCode('23514')],
    ['a syntax error', withCode('42601')],
    ['an unknown table', withCode('42P01')],
    ['a value that is no number', withCode('22P02')],
    ['a wrong password', withCode('28P01')],
    ['a fault of this program', new TypeError('undefined is not a function')],
    ['a file that is too large', withCode('EFBIG')],
  ])('is false of %s: repeating it would not help', (_, error) => {
    expect(isDatabaseUnavailable(error)).toBe(false);
    expect(isDatabaseUnavailable(inQuery(error))).toBe(false);
  });

  it.each([undefined, null, 'ECONNREFUSED', 0, {}, { code: 8 }])(
    'is false of %p, which is no error',
    (thrown) => {
      expect(isDatabaseUnavailable(thrown)).toBe(false);
    },
  );

  it('does not take a code that merely contains one for it', () => {
    expect(isDatabaseUnavailable(withCode('00857'))).toBe(false);
    expect(isDatabaseUnavailable(withCode('157014'))).toBe(false);
  });
});

describe('violatedUniqueConstraint', () => {
  it('names the constraint, from the driver and from a failed query', () => {
    const error = withCode('23505', 'duplicate key', { constraint: 'platform_connections_name_key' });
    expect(violatedUniqueConstraint(error)).toBe('platform_connections_name_key');
    expect(violatedUniqueConstraint(inQuery(error))).toBe('platform_connections_name_key');
  });

  it.each([
    ['another violation', withCode('23514', 'check', { constraint: 'platform_connections_type_known' })],
    ['a violation without a name', withCode('23505')],
    ['another error', new Error('duplicate key value violates unique constraint')],
    ['no error', null],
  ])('is null of %s', (_, error) => {
    expect(violatedUniqueConstraint(error)).toBeNull();
  });
});

describe('DatabaseUnavailable', () => {
  it('is a 503 to be repeated in a second, keeps its cause for the log and shows nothing of it', () => {
    const cause = withCode('ECONNREFUSED', 'connect ECONNREFUSED 10.0.0.5:5432');
    const error = new DatabaseUnavailable(cause);
    expect(error).toMatchObject({ code: 'database_unavailable', status: 503, retryAfterSeconds: 1, cause });
    expect(error.message).not.toContain('10.0.0.5');
  });
});

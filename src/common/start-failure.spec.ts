import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { StartFailure, listenFailure } from './start-failure.js';

const failureOf = async (host: string, port: number): Promise<unknown> => {
  const server = createServer();
  const [error] = (await once(server.listen(port, host), 'error')) as [unknown];
  return listenFailure(error, { host, port, portSetting: 'PORT' });
};

describe('listenFailure', () => {
  it.each([
    ['no-such-name.invalid', /^HOST: .*no-such-name\.invalid.* \((ENOTFOUND|EAI_AGAIN)\); .*address/],
    ['192.0.2.1', /^HOST: 192\.0\.2\.1 is no address of this machine \(EADDRNOTAVAIL\); 0\.0\.0\.0 is all/],
  ])('names HOST for %s, and what to write', async (host, line) => {
    const failure = await failureOf(host, 0);
    expect(failure).toBeInstanceOf(StartFailure);
    expect((failure as Error).message).toMatch(line);
  });

  it('names the setting of a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const failure = (await failureOf('127.0.0.1', port)) as Error;
    server.close();
    expect(failure.message).toBe(
      `PORT: another program listens on port ${port} of 127.0.0.1 already (EADDRINUSE); stop it or choose another port`,
    );
  });

  it('leaves any other error as it is', () => {
    const error = new Error('a fault of ours');
    expect(listenFailure(error, { host: '::', port: 1, portSetting: 'METRICS_PORT' })).toBe(error);
  });
});

import type { Server } from 'node:http';
import { type Duplex, duplexPair } from 'node:stream';
import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AppConfig } from '../config/app-config.js';
import { type ApiAnswer, type ApiRequest, callApi } from './call-api.js';

/** On whose behalf the API is asked. */
export interface InnerCaller {
  readonly authorization: string;
  /** As rate limits, policies and the audit trail know it. */
  readonly address: string;
  /** Ends with the caller's own request. */
  readonly signal: AbortSignal;
}

/**
 * Asks this server's own API over HTTP in memory, so that each tool goes through the same guards, limits and records as any
 * other request of the caller.
 */
@Injectable()
export class InnerApi {
  constructor(
    private readonly host: HttpAdapterHost,
    private readonly config: AppConfig,
  ) {}

  call(request: ApiRequest, { authorization, address, signal }: InnerCaller): Promise<ApiAnswer> {
    return callApi(
      { ...request, path: this.config.basePath + request.path },
      {
        createConnection: () => this.connect(address),
        headers: { authorization, host: 'localhost' },
        signal,
      },
    );
  }

  private connect(address: string): Duplex {
    const [ours, theirs] = duplexPair();
    // Without an address there is no limit by address. Behind proxies it is the client's, already worked out.
    Object.assign(theirs, { remoteAddress: address });
    // As with a socket: an end that hangs up early is noticed at the other one.
    ours.once('close', () => theirs.destroy());
    theirs.once('close', () => {
      if (!theirs.writableFinished) ours.destroy();
    });
    const server = this.host.httpAdapter.getHttpServer() as Server;
    server.emit('connection', theirs);
    return ours;
  }
}

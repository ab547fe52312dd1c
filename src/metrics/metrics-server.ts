import { once } from 'node:events';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { listenFailure } from '../common/start-failure.js';
import { AppConfig } from '../config/app-config.js';
import { bearerToken } from '../http/auth/bearer-token.js';
import { MetricsToken } from './metrics-token.js';
import { METRICS_CONTENT_TYPE, MetricsService } from './metrics.service.js';

const HEADERS_TIMEOUT_MS = 5000;

/** `GET /metrics` on METRICS_PORT, for a network that the API's clients do not reach. */
@Injectable()
export class MetricsServer implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('Metrics');
  #server: Server | null = null;

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly metrics: MetricsService,
    private readonly token: MetricsToken,
    private readonly config: AppConfig,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    const { metricsPort, host } = this.config;
    // Operator commands run without an HTTP server.
    if (metricsPort === null || !this.host.httpAdapter) return;
    const server = createServer((request, response) => void this.answer(request, response));
    server.headersTimeout = server.requestTimeout = HEADERS_TIMEOUT_MS;
    server.listen(metricsPort, host);
    await once(server, 'listening').catch((error: unknown) => {
      throw listenFailure(error, { host, port: metricsPort, portSetting: 'METRICS_PORT' });
    });
    this.#server = server;
  }

  async onApplicationShutdown(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  private async answer({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    const end = (status: number, text: string): void => {
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    };
    try {
      if (method !== 'GET' || url?.split('?', 1)[0] !== '/metrics')
        return end(404, 'Only GET /metrics is here.\n');
      if (!this.token.admits(bearerToken(headers.authorization)))
        return end(401, 'The metrics need a token.\n');
      const text = await this.metrics.text();
      response.writeHead(200, { 'content-type': METRICS_CONTENT_TYPE }).end(text);
    } catch (error) {
      this.#logger.error(error);
      end(500, 'The metrics cannot be read.\n');
    }
  }
}

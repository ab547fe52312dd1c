import { randomUUID } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Logger } from 'pino';
import { serveConsole } from './app.console.js';
import { AppModule } from './app.module.js';
import { NestPinoLogger, createLogger } from './common/logger.js';
import type { AppConfig } from './config/app-config.js';
import { FastLane } from './http/fast-lane.js';
import { BARE_SECURITY_HEADERS, harden, refuseConnection, trustedProxies } from './http/hardening.js';
import { sendProblem } from './http/problem.filter.js';
import { endUnusedConnections } from './http/unused-connections.js';
import { validationPipe } from './http/validation.js';
import { documentRateLimits } from './rate-limit/rate-limit-docs.js';

const BODY_LIMIT_BYTES = 1024 * 1024;
/** To receive a whole request; a client that sends slower than this is cut off. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADER_LIMIT_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 15_000;
/** How often the two are looked at; Node's own default would add half a minute to them. */
const TIMEOUT_CHECK_MS = 2000;
const RATE_LIMIT_HEADERS = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];
const REQUEST_ID = /^[\w.:-]{1,64}$/;

/** The application as it is served; the e2e tests build the same. Not listening yet. */
export async function createApp(
  config: AppConfig,
  logger = createLogger(config),
): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config),
    createAdapter(config, logger),
    {
      logger: new NestPinoLogger(logger),
      abortOnError: false,
      bodyParser: false,
    },
  );
  const fastify = app.getHttpAdapter().getInstance();
  harden(fastify, { https: config.production });
  endUnusedConnections(fastify);
  configure(app, config, logger);
  app.get(FastLane).attach(fastify);
  await serveConsole(fastify);
  return app;
}

/** The same routes without anything behind them: enough to describe them. */
export async function createOpenApiDocument(config: AppConfig): Promise<OpenAPIObject> {
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.forRoot(config),
    new FastifyAdapter(),
    {
      logger: false,
      preview: true,
      abortOnError: false,
    },
  );
  const document = openApiDocument(app);
  await app.close();
  return document;
}

function createAdapter(config: AppConfig, logger: Logger): FastifyAdapter {
  const options = {
    loggerInstance: logger,
    // A child for each request costs more than its line: who logs says the request's id.
    childLoggerFactory: (parent: FastifyBaseLogger) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxies(config.trustProxy),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    // What still comes on a kept connection while the process ends is answered, with Connection: close. A load balancer
    // repeats what could not be sent, but hands a 503 on to the client, who did nothing wrong.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    routerOptions: { maxParamLength: 200 },
    // A caller's own id is kept if it is harmless in a log; otherwise ids would be a way to write into it.
    genReqId: ({ headers }: { headers: Record<string, unknown> }) => {
      const given = headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
    // What Fastify refuses before there is a route, such as a path that is not valid UTF-8.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, request, reply.headers({ ...BARE_SECURITY_HEADERS, 'X-Request-Id': request.id })),
  };
  return new FastifyAdapter(options as ConstructorParameters<typeof FastifyAdapter>[0]) as FastifyAdapter;
}

function configure(app: NestFastifyApplication, config: AppConfig, logger: Logger): void {
  app.useGlobalPipes(validationPipe());
  acceptJsonOnly(app);
  if (config.corsOrigins.length > 0) {
    app.enableCors({
      origin: [...config.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      // An OPTIONS of no page is no error.
      strictPreflight: false,
      // For the cookie that binds POST /v1/connect to the browser; nothing else is done by cookie.
      credentials: true,
      exposedHeaders: [
        'ETag',
        'Location',
        'Cache-Status',
        'Retry-After',
        'X-Request-Id',
        ...RATE_LIMIT_HEADERS,
      ],
    });
  }
  addHooks(app.getHttpAdapter().getInstance(), logger);
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
    swaggerOptions: { persistAuthorization: false, tryItOutEnabled: true, displayRequestDuration: true },
    customSiteTitle: 'Platform Manager API',
  });
}

/** Nest would read forms too, and Fastify plain text; both are 415 here. */
function acceptJsonOnly(app: NestFastifyApplication): void {
  app.useBodyParser('application/json', { bodyLimit: BODY_LIMIT_BYTES });
  app.getHttpAdapter().getInstance().removeContentTypeParser('text/plain');
}

function addHooks(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    reply.header('x-request-id', request.id);
    done(null, payload);
  });
  if (!logger.isLevelEnabled('info')) return;
  fastify.addHook('onResponse', (request, reply, done) => {
    // Without the query: it can hold secrets that should not have been put there.
    request.log.info(
      {
        reqId: request.id,
        method: request.method,
        path: request.url.split('?', 1)[0],
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
      },
      'request',
    );
    done();
  });
}

function openApiDocument(app: NestFastifyApplication): OpenAPIObject {
  const description = [
    "Holds people's Fediverse platform connections, with their credentials encrypted, and serves them from a cache.",
    '',
    'To try it here: register or log in below, copy `accessToken` from the answer, press **Authorize** and paste it.',
    'Errors are RFC 9457 `application/problem+json`. Cached reads say in `Cache-Status` (RFC 9211) how they were answered.',
  ].join('\n');
  const document = new DocumentBuilder()
    .setTitle('Platform Manager')
    .setDescription(description)
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An access token, or an API key' })
    .build();
  return documentRateLimits(
    SwaggerModule.createDocument(app, document, {
      operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
    }),
  );
}

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
import { API_DESCRIPTION, TAGS, serveDocs } from './app.docs.js';
import { AppModule } from './app.module.js';
import { serveRoot } from './app.root.js';
import { keepSessionsInCookies } from './auth/session-cookie.js';
import { NestPinoLogger, createLogger } from './common/logger.js';
import { terminalLog } from './common/terminal-log.js';
import type { AppConfig } from './config/app-config.js';
import { withoutBasePath } from './http/base-path.js';
import { BODY_LIMIT_BYTES, limitBodies } from './http/body-limits.js';
import { FastLane } from './http/fast-lane.js';
import { BARE_SECURITY_HEADERS, harden, refuseConnection, trustedProxies } from './http/hardening.js';
import { asOpenApi31 } from './http/openapi-document.js';
import { OtherMethods } from './http/other-methods.js';
import { explainProblemsAt } from './http/problem-type.js';
import { sendProblem } from './http/problem.filter.js';
import { documentUnknownQuery } from './http/query-docs.js';
import { leaveBodies } from './http/unparsed-body.js';
import { endUnusedConnections } from './http/unused-connections.js';
import { validationPipe } from './http/validation.js';
import { documentKeyedRequests } from './idempotency/keyed-docs.js';
import { documentRateLimits } from './rate-limit/rate-limit-docs.js';

/** Limit for receiving a whole request. A slower client is disconnected. */
const REQUEST_TIMEOUT_MS = 30_000;
const HEADER_LIMIT_BYTES = 16 * 1024;
const HEADERS_TIMEOUT_MS = 15_000;
/** How often both timeouts are checked. Node's default would add up to half a minute to them. */
const TIMEOUT_CHECK_MS = 2000;
const RATE_LIMIT_HEADERS = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'];
const REQUEST_ID = /^[\w.:-]{1,64}$/;

/** Builds the application that is served, also for the e2e tests. It does not listen yet. */
export async function createApp(config: AppConfig, logger?: Logger): Promise<NestFastifyApplication> {
  logger ??= createLogger(config, await terminalLog(config));
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
  explainProblemsAt(config.publicUrl, fastify);
  harden(fastify, { https: config.production });
  limitBodies(fastify);
  leaveBodies(fastify);
  endUnusedConnections(fastify);
  app.get(OtherMethods).attach(fastify);
  keepSessionsInCookies(fastify, config);
  configure(app, config, logger);
  app.get(FastLane).attach(fastify);
  serveRoot(fastify, config);
  await serveConsole(fastify, config.basePath);
  return app;
}

/** Documents the same routes in preview mode: no provider is instantiated, so no database or Redis is needed. */
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
    // A child logger per request costs more than the log line itself, so log calls pass the request id themselves.
    childLoggerFactory: (parent: FastifyBaseLogger) => parent,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: trustedProxies(config.trustProxy),
    // Only where it is needed: Fastify calls it for each request.
    ...(config.basePath !== '' && { rewriteUrl: withoutBasePath(config.basePath) }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: {
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    },
    // During shutdown, requests on keep-alive connections are still served, with Connection: close. A load balancer retries
    // a request that it could not send, but would pass a 503 on to the client.
    return503OnClosing: false,
    clientErrorHandler: refuseConnection,
    routerOptions: { maxParamLength: 200 },
    // Never the client's own: ids in the audit trail have to be unique.
    genReqId: () => randomUUID(),
    // Errors that Fastify raises before routing, such as a path that is not valid UTF-8.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(error, request, reply.headers({ ...BARE_SECURITY_HEADERS, 'X-Request-Id': request.id })),
  };
  return new FastifyAdapter(options as ConstructorParameters<typeof FastifyAdapter>[0]) as FastifyAdapter;
}

function configure(app: NestFastifyApplication, config: AppConfig, logger: Logger): void {
  app.useGlobalPipes(validationPipe());
  // By default Nest also parses forms, and Fastify plain text. Here both get a 415.
  app.getHttpAdapter().getInstance().removeContentTypeParser('text/plain');
  if (config.corsOrigins.length > 0) {
    app.enableCors({
      origin: [...config.corsOrigins],
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      // An OPTIONS request without CORS headers is not an error.
      strictPreflight: false,
      // For the cookie that binds POST /v1/connect to the browser. Sessions are in a cookie for the console alone.
      credentials: true,
      exposedHeaders: [
        'ETag',
        'Location',
        'Link',
        'Cache-Status',
        'Retry-After',
        'X-Request-Id',
        'Idempotent-Replayed',
        'Proxy-Status',
        ...RATE_LIMIT_HEADERS,
      ],
    });
  }
  addHooks(app.getHttpAdapter().getInstance(), logger);
  for (const warning of config.warnings) logger.warn(warning);
  serveDocs(app, config, () => openApiDocument(app, config.basePath));
}

function addHooks(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onSend', (request, reply, payload, done) => {
    reply.header('x-request-id', request.id);
    done(null, payload);
  });
  if (!logger.isLevelEnabled('info')) return;
  fastify.addHook('onResponse', (request, reply, done) => {
    // Without the query string: a client may have put secrets there by mistake.
    request.log.info(
      {
        reqId: request.id,
        ...clientRequestId(request),
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

/** Only one that is safe in a log: otherwise clients could inject text into it. */
function clientRequestId({ headers }: FastifyRequest): { clientReqId?: string } {
  const given = headers['x-request-id'];
  return typeof given === 'string' && REQUEST_ID.test(given) ? { clientReqId: given } : {};
}

function openApiDocument(app: NestFastifyApplication, basePath = ''): OpenAPIObject {
  const document = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Platform Manager')
    .setDescription(API_DESCRIPTION)
    .setVersion('1')
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An access token, or an API key' });
  for (const [name, description] of Object.entries(TAGS)) document.addTag(name, description);
  document.addServer(basePath === '' ? '/' : basePath);
  const built = SwaggerModule.createDocument(app, document.build(), {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  return asOpenApi31(documentKeyedRequests(documentRateLimits(documentUnknownQuery(built))));
}

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { AppConfig } from './config/app-config.js';

/** What Swagger UI shows first. */
export const API_DESCRIPTION = [
  "Stores users' Fediverse platform connections with encrypted credentials, and serves them from a cache.",
  '',
  'To try it here:',
  '',
  '1. Open **auth**, run `POST /v1/auth/register` or `POST /v1/auth/login`.',
  '2. Copy `accessToken` from the response, press **Authorize** and paste it. While developing, people who are logged in at ' +
    'the console need not.',
  '3. Run any other route. After 15 minutes the token expires: log in again.',
  '',
  'Errors are RFC 9457 `application/problem+json`. The `Cache-Status` header (RFC 9211) tells whether a read was a hit.',
].join('\n');

/** The groups in the order in which people need them. */
export const TAGS: Readonly<Record<string, string>> = {
  auth: 'Make an account, log in, and see where you are logged in.',
  instances: 'Find out what runs at a server, and how to connect to it.',
  connect: 'Connect an account by logging in at its server.',
  platforms: 'List, add, test, change and delete connections.',
  statistics: 'Report what was done with a connection, and count it.',
  'api keys': 'Keys for programs, each with only the rights that it needs.',
  proxy: 'Use a connection at its instance without seeing its credentials.',
  agents: 'Tools for agents, by the Model Context Protocol.',
  credentials: 'Read the decrypted credentials of a connection; every read is recorded.',
  events: 'Hear of changes as they happen.',
  audit: 'Read what was done with your account.',
  admin: 'For administrators: all connections, the cache, the whole trail.',
  operation: 'For probes, monitoring and documentation.',
};

/** Swagger UI runs it: a request to a stream would never end there. Its description has a command that works. */
const noStreams = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor:
          (original: (...given: unknown[]) => boolean) =>
          (state: unknown, path: string, method: string): boolean =>
            path !== '/v1/events' && original(state, path, method),
      },
    },
  },
});

/** What a page of a browser has, as far as it is used here. */
interface Page {
  readonly location: { readonly pathname: string };
  readonly localStorage: { getItem(key: string): string | null };
  readonly ui: { preauthorizeApiKey(scheme: string, token: string): void };
}

/**
 * Swagger UI runs it: people who are logged in at the console can run routes at once. A token that they have pasted before stays.
 * Its text is sent to the browser, so it uses nothing from outside.
 */
const signInAsAtConsole = (): void => {
  const { location, localStorage, ui } = globalThis as unknown as Page;
  if (localStorage.getItem('authorized')?.includes('"bearer"') === true) return;
  const headers = { 'Content-Type': 'application/json', 'Session-Cookie': 'true' };
  const address = `${location.pathname.replace(/\/docs.*$/, '')}/v1/auth/refresh`;
  void fetch(address, { method: 'POST', headers, body: '{}' })
    .then((answer) => (answer.ok ? (answer.json() as Promise<{ accessToken: string }>) : null))
    .then((session) => session !== null && ui.preauthorizeApiKey('bearer', session.accessToken));
};

interface ShownOperation {
  get(name: 'path'): string;
}

/** What the first of the three steps says to run is at the top of its group. */
const beginningFirst = (one: ShownOperation, other: ShownOperation): number => {
  const beginning = ['/v1/auth/login', '/v1/auth/register'];
  return beginning.indexOf(other.get('path')) - beginning.indexOf(one.get('path'));
};

export function serveDocs(
  app: NestFastifyApplication,
  config: AppConfig,
  documentOf: () => OpenAPIObject,
): void {
  if (!config.docsEnabled) return;
  SwaggerModule.setup('docs', app, documentOf, {
    jsonDocumentUrl: 'docs-json',
    yamlDocumentUrl: 'docs-yaml',
    swaggerOptions: {
      // In the browser's storage, so only while developing.
      persistAuthorization: !config.production,
      tryItOutEnabled: true,
      displayRequestDuration: true,
      operationsSorter: beginningFirst,
      plugins: [noStreams],
      ...(!config.production && { onComplete: signInAsAtConsole }),
    },
    customSiteTitle: 'Platform Manager API',
  });
}

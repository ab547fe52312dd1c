import type { FastifyInstance } from 'fastify';
import type { AppConfig } from './config/app-config.js';

/** `GET /` says where everything is. A browser is led to the console. */
export function serveRoot(fastify: FastifyInstance, { basePath, publicUrl, docsEnabled }: AppConfig): void {
  const at = (path: string): string => `${publicUrl}${path}`;
  const places = {
    name: 'Platform Manager',
    console: at('/console/'),
    ...(docsEnabled && { docs: at('/docs'), openapi: at('/docs-json') }),
    asyncapi: at('/asyncapi.json'),
    problems: at('/problems'),
    live: at('/health/live'),
    ready: at('/health/ready'),
  };
  fastify.get('/', ({ headers: { accept = '' } }, reply) => {
    reply.headers({ Vary: 'Accept', 'Cache-Control': 'no-cache' });
    return accept.includes('text/html') ? reply.redirect(`${basePath}/console/`) : reply.send(places);
  });
}

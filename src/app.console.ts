import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** What `npm run build` makes of console/; seen from src/ and from dist/ alike. */
const FILES = fileURLToPath(new URL('../dist/console/', import.meta.url));

/** Stricter than the API's own, which has to let Swagger UI set styles inline. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Pictures of accounts: the script asks the API for them, with its token.
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  // Forms are sent by script. Without it nothing is sent, so that no password gets into a URL.
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** The console's files, open to all: whoever uses it signs in to the API. */
export async function serveConsole(fastify: FastifyInstance): Promise<void> {
  await fastify.register(async (scope) => {
    scope.addHook('onRequest', (_request, reply, done) => {
      reply.headers({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'X-Frame-Options': 'DENY' });
      done();
    });
    scope.get('/console', (_request, reply) => reply.redirect('/console/'));
    await scope.register(fastifyStatic, {
      root: FILES,
      prefix: '/console/',
      decorateReply: false,
      // Not built yet is no reason not to serve the API; the folder is looked at again with each request.
      suppressWarning: true,
      cacheControl: false,
      setHeaders: (reply, path) => {
        // The names under assets/ are hashes of the content.
        const hashed = path.includes('/assets/');
        reply.header('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  });
}

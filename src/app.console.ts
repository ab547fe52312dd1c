import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { projectFile } from './common/project-file.js';

/** Output of `npm run build` for console/. */
const FILES = projectFile('dist/console/');

/** Stricter than the API's policy, which must allow Swagger UI's inline styles. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  // Avatars: the script fetches them from the API, with its token.
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  // Scripts submit the forms. If scripts fail to load, nothing is submitted, so no password ends up in a URL.
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** Serves the console's files without authentication. Its users sign in to the API. */
export async function serveConsole(fastify: FastifyInstance, basePath: string): Promise<void> {
  await fastify.register(async (scope) => {
    scope.addHook('onRequest', (_request, reply, done) => {
      reply.headers({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'X-Frame-Options': 'DENY' });
      done();
    });
    scope.get('/console', (_request, reply) => reply.redirect(`${basePath}/console/`));
    await scope.register(fastifyStatic, {
      root: FILES,
      prefix: '/console/',
      decorateReply: false,
      // The API must start even if the console is not built yet. The folder is checked again on each request.
      suppressWarning: true,
      cacheControl: false,
      setHeaders: (reply, path) => {
        // File names under assets/ contain a hash of the content.
        const hashed = path.includes('/assets/');
        reply.header('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  });
}

import { readFile } from 'node:fs/promises';
import fastifyStatic from '@fastify/static';
import { NotFoundException } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { projectFile } from './common/project-file.js';
import { sendProblem } from './http/problem.filter.js';

/** Output of `npm run build` for console/. */
const FILES = projectFile('dist/console/');
const PAGE = projectFile('dist/console/index.html');

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

/** The name of a file, not of a page. */
const FILE_NAME = /\.\w+$|\/assets\//;

/** Serves the console's files without authentication. Its users sign in to the API. */
export async function serveConsole(fastify: FastifyInstance, basePath: string): Promise<void> {
  await fastify.register(
    async (scope) => {
      scope.addHook('onRequest', (_request, reply, done) => {
        reply.headers({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'X-Frame-Options': 'DENY' });
        done();
      });
      scope.get('/', { prefixTrailingSlash: 'no-slash' }, (_request, reply) =>
        reply.redirect(`${basePath}/console/`),
      );
      scope.get('/', { prefixTrailingSlash: 'slash' }, (request, reply) =>
        sendPage(request, reply, basePath),
      );
      // The script knows which pages there are, and has one for the others.
      scope.setNotFoundHandler((request, reply) =>
        isNavigation(request) ? sendPage(request, reply, basePath) : sendNotFound(request, reply),
      );
      await scope.register(fastifyStatic, {
        root: FILES,
        decorateReply: false,
        // The API must start even if the console is not built yet. The folder is checked again on each request.
        suppressWarning: true,
        // The build has compressed them.
        preCompressed: true,
        cacheControl: false,
        setHeaders: (reply, path) => {
          // File names under assets/ contain a hash of the content.
          const hashed = path.includes('/assets/');
          reply.header('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
        },
      });
    },
    { prefix: '/console' },
  );
}

function isNavigation({ url, headers: { accept = '' } }: FastifyRequest): boolean {
  return accept.includes('text/html') && !FILE_NAME.test(url.split('?', 1)[0] ?? '');
}

/** Pages have any depth, and the build does not know BASE_PATH: its relative addresses become absolute here. */
async function sendPage(request: FastifyRequest, reply: FastifyReply, basePath: string): Promise<void> {
  const page = await readFile(PAGE, 'utf8').catch(() => null);
  if (page === null) return sendNotFound(request, reply);
  await reply
    .code(200)
    .headers({ 'Cache-Control': 'no-cache', Vary: 'Accept' })
    .type('text/html; charset=utf-8')
    .send(page.replaceAll('="./', `="${basePath}/console/`));
}

function sendNotFound(request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(new NotFoundException(), request, reply);
}

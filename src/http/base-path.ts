import type { IncomingMessage } from 'node:http';

/**
 * For Fastify's `rewriteUrl`: routes are without the base path. A proxy may pass it on or take it off, and probes come
 * without it. `originalUrl` becomes the path that the client sees, in both cases.
 *
 * @param basePath such as `/platforms`, not empty.
 */
export function withoutBasePath(
  basePath: string,
): (request: IncomingMessage & { originalUrl?: string }) => string {
  return (request) => {
    const { url = '/' } = request;
    const path = url.startsWith(`${basePath}/`) ? url.slice(basePath.length) : url;
    request.originalUrl = basePath + path;
    return path;
  };
}

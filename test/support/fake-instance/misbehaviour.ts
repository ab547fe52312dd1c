import type { IncomingMessage, ServerResponse } from 'node:http';

/** Ways in which any server may answer any API request. */
export const MISBEHAVIOURS = [
  'redirect-to-html-login',
  'redirect-elsewhere',
  'teapot',
  'server-error',
  'no-such-status',
  'throttled',
  'html',
  'challenge-503',
  'html-ok',
  'wrong-json',
  'broken-json',
  'not-found',
  'slow-body',
  'silent',
  'endless-body',
  'large-body',
  'huge-headers',
  'wrong-content-type',
  'compressed',
  'no-http',
  'hang-up',
] as const;
export type Misbehaviour = (typeof MISBEHAVIOURS)[number];

/** Answers the request badly. What hangs or never ends is cut when the client goes, or the server closes. */
export function misbehave(how: Misbehaviour, request: IncomingMessage, response: ServerResponse): void {
  const json = { 'Content-Type': 'application/json; charset=utf-8' };
  switch (how) {
    case 'redirect-to-html-login':
      response.writeHead(302, { Location: '/sso/login', 'Content-Type': 'text/html' }).end('<html></html>');
      return;
    case 'redirect-elsewhere':
      response.writeHead(301, { Location: `http://127.0.0.1:1${request.url ?? '/'}` }).end();
      return;
    case 'teapot':
      response.writeHead(418, json).end('{"error":"I am a teapot"}');
      return;
    case 'server-error':
      response.writeHead(500, json).end('{"error":"Internal Server Error: secret-inside-detail"}');
      return;
    case 'no-such-status':
      response.writeHead(999, json).end('{"error":"Request denied"}');
      return;
    case 'throttled':
      response.writeHead(429, json).end('{"error":"Throttled"}');
      return;
    case 'html':
      response.writeHead(403, { 'Content-Type': 'text/html' }).end('<html>Attention required</html>');
      return;
    case 'challenge-503':
      response.writeHead(503, { 'Content-Type': 'text/html' }).end('<html>Checking your browser</html>');
      return;
    case 'html-ok':
      response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>Welcome to the blog</html>');
      return;
    case 'wrong-json':
      response.writeHead(200, json).end('{"hello":["world"],"id":{},"software":7,"links":{}}');
      return;
    case 'broken-json':
      response.writeHead(200, json).end('{"id":"1","username":');
      return;
    case 'not-found':
      response.writeHead(404, json).end('{"error":"Record not found"}');
      return;
    case 'slow-body': {
      response.writeHead(200, json).write('{');
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
      return;
    }
    case 'silent':
      return;
    case 'endless-body': {
      response.writeHead(200, json).write('{"id":"');
      const pour = (): void => {
        while (!response.destroyed && response.write('x'.repeat(16_384)));
      };
      response.on('drain', pour);
      pour();
      return;
    }
    case 'large-body':
      response.writeHead(200, { ...json, 'Content-Length': String(1024 ** 3) }).write('{');
      return;
    case 'huge-headers':
      response.writeHead(200, { ...json, 'X-Filler': 'x'.repeat(64_000) }).end('{}');
      return;
    case 'wrong-content-type':
      response.writeHead(200, { 'Content-Type': 'text/plain' }).end('{"id":"1","username":"alice"}');
      return;
    case 'compressed':
      response.writeHead(200, { ...json, 'Content-Encoding': 'gzip' }).end(Buffer.from([0x1f, 0x8b, 8, 0]));
      return;
    case 'no-http':
      response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n');
      return;
    case 'hang-up':
      response.socket?.destroy();
      return;
    default:
      how satisfies never;
  }
}

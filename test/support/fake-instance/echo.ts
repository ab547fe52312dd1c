import type { ServerResponse } from 'node:http';

/** Ways in which an instance may repeat what it was sent, where it has no business to be. */
export const ECHOES = [
  'refusal',
  'invalid-grant',
  'server-error',
  'headers',
  'redirect',
  'html',
  'no-json',
  'broken-json',
  'account',
  'slow-body',
] as const;
export type Echo = (typeof ECHOES)[number];

const SECRET_FIELDS = ['code', 'code_verifier', 'client_secret', 'refresh_token', 'token', 'i'];

export function credentialsIn(authorization: string | undefined, form: URLSearchParams): string[] {
  const sent = [authorization?.replace(/^Bearer /, ''), ...SECRET_FIELDS.map((field) => form.get(field))];
  return sent.filter((secret): secret is string => typeof secret === 'string');
}

export function echo(how: Echo, credentials: readonly string[], response: ServerResponse): void {
  const json = { 'Content-Type': 'application/json; charset=utf-8' };
  const text = credentials.join(' ');
  const refusal = (error: string): string =>
    JSON.stringify({ error, error_description: text, error_uri: `https://a.example/${text}`, message: text });
  switch (how) {
    case 'refusal':
      response.writeHead(401, json).end(refusal(text));
      return;
    case 'invalid-grant':
      response.writeHead(400, json).end(refusal('invalid_grant'));
      return;
    case 'server-error':
      response.writeHead(500, json).end(refusal(text));
      return;
    case 'headers':
      response
        .writeHead(403, {
          ...json,
          'WWW-Authenticate': `Bearer realm="${text}", error="invalid_token", error_description="${text}"`,
          'Retry-After': text,
          'X-RateLimit-Reset': text,
          'Set-Cookie': `token=${text}`,
        })
        .end('{}');
      return;
    case 'redirect':
      response.writeHead(302, { Location: `/login?said=${encodeURIComponent(text)}` }).end();
      return;
    case 'html':
      response.writeHead(403, { 'Content-Type': 'text/html' }).end(`<html>${text}</html>`);
      return;
    case 'no-json':
      // Short enough for a JSON parser to quote all of it.
      response.writeHead(200, json).end(text);
      return;
    case 'broken-json':
      response.writeHead(200, json).end(`{"error":"${text}`);
      return;
    case 'account':
      response.writeHead(200, json).end(JSON.stringify(accountOf(credentials)));
      return;
    case 'slow-body': {
      response.writeHead(200, json).write(`{"error":"${text}`);
      const drip = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(drip));
      return;
    }
    default:
      how satisfies never;
  }
}

/** Good as an account and as a grant, and every text in it is a credential. */
function accountOf([first = '', ...others]: readonly string[]): unknown {
  const url = `https://a.example/${first}`;
  return {
    ...{ id: first, username: first, acct: first, display_name: first, avatar: url, uri: url, url },
    ...{ access_token: others[0] ?? first, refresh_token: first, token_type: 'Bearer', scope: first },
  };
}

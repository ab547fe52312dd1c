import type { FastifyRequest } from 'fastify';
import { mayBeSecret } from '../common/secrets.js';
import type { AppConfig } from '../config/app-config.js';
import { ATTEMPT_TTL_SECONDS } from './connect-attempts.js';

const NAME = 'pm_connect_';
/** A cookie for each attempt, so that one browser can run several at once. */
const ID_LENGTH = 8;

/**
 * The `Set-Cookie` of an attempt. Over https, its prefix keeps sibling sites from setting one (RFC 6265bis, 4.1.3.2).
 *
 * Lax is enough for a page on this server. But when a page on a CORS origin starts and finishes the attempt with fetch,
 * browsers store and send the cookie only with None, which requires https. None is safe here: starting and finishing need
 * a bearer token.
 */
export function connectCookie(
  browser: string,
  { publicUrl, corsOrigins }: AppConfig,
  maxAgeSeconds = ATTEMPT_TTL_SECONDS,
): string {
  const isHttps = publicUrl.startsWith('https:');
  const name = `${isHttps ? '__Host-' : ''}${NAME}${browser.slice(0, ID_LENGTH)}`;
  const sameSite = isHttps && corsOrigins.length > 0 ? 'None' : 'Lax';
  const attributes = `Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=${sameSite}`;
  return `${name}=${browser}; ${attributes}${isHttps ? '; Secure' : ''}`;
}

/** The secrets in the cookies of all attempts that this browser has begun. */
export function browsersOf({ headers }: FastifyRequest, { publicUrl }: AppConfig): string[] {
  const prefix = publicUrl.startsWith('https:') ? `__Host-${NAME}` : NAME;
  return (headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(prefix))
    .map((pair) => pair.slice(pair.indexOf('=') + 1))
    .filter(mayBeSecret);
}

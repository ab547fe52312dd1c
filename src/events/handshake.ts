import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';
import { z } from 'zod';
import type { AppConfig } from '../config/app-config.js';
import { trustedProxies } from '../http/hardening.js';
import { lastEventIdSchema } from './last-event-id.js';

const MAX_TOKEN_CHARACTERS = 8192;
const token = z.string().min(1).max(MAX_TOKEN_CHARACTERS);

/** The client's `auth`. Unknown fields are allowed because libraries add their own. */
export const authSchema = z.object({ token, lastEventId: lastEventIdSchema.nullish() });
export const authenticateSchema = z.object({ token });

/** Browsers may connect from this server's own origin and from CORS_ORIGINS. Other programs send no Origin header. */
export function isAllowedOrigin({ headers }: IncomingMessage, config: AppConfig): boolean {
  const { origin, host } = headers;
  if (origin === undefined || origin === config.publicOrigin || config.corsOrigins.includes(origin))
    return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}

/** Finds the client's address the same way that Fastify does for HTTP requests. */
export function addressReader(config: AppConfig): (request: IncomingMessage) => string {
  const trust = trustedProxies(config.trustProxy);
  if (typeof trust === 'boolean') return ({ socket }) => socket.remoteAddress ?? '';
  const trusted = Array.isArray(trust) ? proxyAddr.compile(trust) : trust;
  return (request) => proxyAddr(request, trusted);
}

import type { FastifyRequest } from 'fastify';
import type { KeyPolicy } from './key-policy.js';

export const ROLES = ['user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What an API key may be allowed to do. */
export const SCOPES = [
  'platforms:read',
  'platforms:write',
  'platforms:use',
  'credentials:read',
  'activities:write',
] as const;
export type Scope = (typeof SCOPES)[number];

/** The signed-in user of a request. Requests with the same token may share one object. */
export interface AuthUser {
  readonly id: number;
  readonly role: Role;
  /** `all` in a person's own session; a list for an API key. */
  readonly scopes: 'all' | readonly Scope[];
  /** Id of the API key; absent in a person's own session. */
  readonly apiKeyId?: number;
  /** Absent for an API key and for a token of the OpenID provider. */
  readonly sessionId?: number;
  /** When the person last proved who they are: Unix milliseconds. Absent for an API key. */
  readonly confirmedAtMs?: number;
  /** Absent in a person's own session and for an API key without limits. */
  readonly policy?: KeyPolicy;
}

/** From where a token was sent. Read only for an API key that is limited to addresses: behind proxies it is computed. */
export interface TokenSource {
  /** The address that is rate-limited. */
  readonly ip: string;
}

export type AuthenticatedRequest = FastifyRequest & { user?: AuthUser };

import type { FastifyRequest } from 'fastify';

export const ROLES = ['user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What an API key may be allowed to do. */
export const SCOPES = ['platforms:read', 'platforms:write', 'credentials:read', 'activities:write'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who sent the request. One object may serve many requests of the same token. */
export interface AuthUser {
  readonly id: number;
  readonly role: Role;
  /** `all` is a person's own session; an API key has a list. */
  readonly scopes: 'all' | readonly Scope[];
  /** Of the API key that was sent; absent in a person's own session. */
  readonly apiKeyId?: number;
}

export type AuthenticatedRequest = FastifyRequest & { user?: AuthUser };

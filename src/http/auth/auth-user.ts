import type { FastifyRequest } from 'fastify';

export const ROLES = ['user', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** What an API key may be allowed to do. */
export const SCOPES = ['platforms:read', 'platforms:write', 'credentials:read', 'activities:write'] as const;
export type Scope = (typeof SCOPES)[number];

/** The signed-in user of a request. Requests with the same token may share one object. */
export interface AuthUser {
  readonly id: number;
  readonly role: Role;
  /** `all` in a person's own session; a list for an API key. */
  readonly scopes: 'all' | readonly Scope[];
  /** Id of the API key; absent in a person's own session. */
  readonly apiKeyId?: number;
}

export type AuthenticatedRequest = FastifyRequest & { user?: AuthUser };

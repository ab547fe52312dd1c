import { AsyncLocalStorage } from 'node:async_hooks';
import type { AuditActor } from './audit-actions.js';

/** Who acts, and from where. */
export interface AuditOrigin {
  readonly actor: AuditActor;
  /** Null before somebody has signed in. */
  readonly userId: number | null;
  readonly apiKeyId: number | null;
  readonly address: string;
  /** Given by us, never by the client. */
  readonly requestId: string;
}

const NOBODY = { userId: null, apiKeyId: null, address: '', requestId: '' } as const;
export const SYSTEM: AuditOrigin = { ...NOBODY, actor: 'system' };
export const OPERATOR: AuditOrigin = { ...NOBODY, actor: 'operator' };

const origins = new AsyncLocalStorage<AuditOrigin>();

/** Runs `work` on behalf of somebody: what it writes to the trail names them. */
export function onBehalfOf<T>(origin: AuditOrigin, work: () => T): T {
  return origins.run(origin, work);
}

export function currentOrigin(): AuditOrigin {
  return origins.getStore() ?? SYSTEM;
}

import { type CallHandler, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { Observable, from, mergeMap } from 'rxjs';
import { type Access, ACCESS_METADATA } from '../http/auth/access.js';
import type { AuthenticatedRequest } from '../http/auth/auth-user.js';
import type { NoFastLane } from '../http/fast-lane.js';
import { AuditLog } from './audit-log.js';
import { type AuditOrigin, onBehalfOf } from './audit-origin.js';

/** Tells the trail who makes a request. What administrators ask for is recorded before it is answered. */
@Injectable()
export class AuditOriginInterceptor implements NoFastLane {
  readonly skipsFastLane = true;

  constructor(
    private readonly reflector: Reflector,
    private readonly audit: AuditLog,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const { method, url } = request;
    const origin = originOf(request);
    const handled = new Observable((subscriber) =>
      onBehalfOf(origin, () => next.handle().subscribe(subscriber)),
    );
    const access = this.reflector.get<Access | undefined>(ACCESS_METADATA, context.getHandler());
    if (access !== 'admin') return handled;
    // Without the query string: somebody may have put secrets there by mistake.
    const detail = `${method} ${url.split('?', 1)[0]}`;
    const written = onBehalfOf(origin, () =>
      this.audit.write({ action: 'admin.request', outcome: 'admitted', detail }),
    );
    return from(written).pipe(mergeMap(() => handled));
  }
  onLane<T>(request: AuthenticatedRequest, work: () => T): T {
    return onBehalfOf(originOf(request), work);
  }
}

function originOf({ user, ip: address, id: requestId }: AuthenticatedRequest): AuditOrigin {
  return {
    actor: 'user',
    userId: user?.id ?? null,
    apiKeyId: user?.apiKeyId ?? null,
    address,
    requestId,
  };
}

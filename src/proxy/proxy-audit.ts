import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import { AppConfig } from '../config/app-config.js';

const READS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** Records what is done with connections: each write, some reads, and each answer that held a token. */
@Injectable()
export class ProxyAudit {
  constructor(
    private readonly audit: AuditLog,
    private readonly config: AppConfig,
  ) {}

  /**
   * Before the request is sent: if the process dies here, the trail has one entry too many, never one too few.
   *
   * @param path without the query, where somebody may have put secrets.
   * @throws {ServiceUnavailable} if the row cannot be committed.
   */
  async sending(platformId: number, method: string, path: string): Promise<void> {
    if (READS.has(method) && Math.random() >= this.config.proxy.auditReads) return;
    await this.audit.write({
      action: 'proxy.request',
      outcome: 'sent',
      platformId,
      detail: `${method} ${path}`,
    });
  }

  async echoed(platformId: number, method: string, path: string): Promise<void> {
    const detail = `${method} ${path}`;
    await this.audit.write({ action: 'proxy.request', outcome: 'credential_echoed', platformId, detail });
  }
}

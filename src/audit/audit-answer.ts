import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import type { AuditFilter, AuditPage, AuditTrail } from './audit-trail.js';
import { type AuditQuery, NDJSON } from './dto/audit-query.dto.js';

/** @param accept the `Accept` header. */
export function answerOf(
  trail: AuditTrail,
  filter: Pick<AuditFilter, 'userId'>,
  { action, before, after, pageSize }: Readonly<AuditQuery>,
  accept: string | undefined,
): Promise<AuditPage> | StreamableFile {
  const chosen = { ...filter, action };
  return accept?.includes(NDJSON) === true
    ? new StreamableFile(Readable.from(trail.export(chosen, after ?? 0), { objectMode: false }), {
        type: NDJSON,
      })
    : trail.page(chosen, { before: before ?? null, after: after ?? null, size: pageSize });
}

import { describe, expect, it } from '@jest/globals';
import type { AuditEntry } from '../ui/words.js';
import { runsOf } from './runs.js';

function entry(id: number, own: Partial<AuditEntry> = {}): AuditEntry {
  return {
    ...{
      id,
      at: `2026-11-29T12:00:0${id}.000Z`,
      action: 'admin.request',
      outcome: 'admitted',
      actor: 'user',
    },
    ...{
      userId: 1,
      apiKeyId: null,
      platformId: null,
      reason: '',
      detail: 'GET /v1/admin/cache',
      address: '',
    },
    ...{ requestId: `request-${id}`, ...own },
  };
}

describe('entries of the activity log', () => {
  it("makes one of an administrator's requests in a row, with the newest time", () => {
    const other = { detail: 'GET /v1/admin/users' };
    const runs = runsOf([entry(6), entry(5), entry(4, other), entry(3), entry(2), entry(1)]);
    expect(runs.map(({ entry: { id }, times }) => [id, times])).toEqual([
      [6, 2],
      [4, 1],
      [3, 3],
    ]);
  });

  it('keeps each reading of credentials, which are told one by one', () => {
    const own = { action: 'credentials.reveal', outcome: 'revealed' } as const;
    expect(runsOf([entry(2, own), entry(1, own)])).toHaveLength(2);
  });
});

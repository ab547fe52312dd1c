import type { AuditEntry } from '../ui/words.js';

export interface Run {
  /** The newest of them. */
  readonly entry: AuditEntry;
  readonly times: number;
}

/** The pages of administrators ask for the same again and again. */
export function runsOf(entries: readonly AuditEntry[]): Run[] {
  const runs: Run[] = [];
  for (const entry of entries) {
    const last = runs.at(-1);
    if (last !== undefined && saysTheSame(last.entry, entry))
      runs.splice(-1, 1, { entry: last.entry, times: last.times + 1 });
    else runs.push({ entry, times: 1 });
  }
  return runs;
}

const SAME = ['action', 'detail', 'outcome', 'userId', 'apiKeyId', 'address'] as const;

function saysTheSame(one: AuditEntry, other: AuditEntry): boolean {
  return one.action === 'admin.request' && SAME.every((field) => one[field] === other[field]);
}

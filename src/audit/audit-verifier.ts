import type { EntityManager } from 'typeorm';
import type { Database } from '../database/database.js';
import type { AuditChain } from './audit-chain.js';
import { ROW_COLUMNS } from './audit-columns.js';
import { type ChainedRow, type Head, isSame } from './chain-key.js';

type StoredRow = ChainedRow & { readonly mac: string | null };

/** What `audit:verify` has found. */
export interface Verdict {
  /** Entries whose MAC is right. */
  readonly verified: number;
  /** Entries from before there was a chain. Nothing protects them. */
  readonly unchained: number;
  /** One sentence each; the first of them. */
  readonly faults: readonly string[];
  readonly faultCount: number;
  /** To be kept elsewhere: from it a later run knows that nothing up to here was removed. */
  readonly head: Head | null;
}

const PAGE_ROWS = 2000;
const MAX_FAULTS = 100;

/** Follows the audit trail from its first entry to its head. */
export class AuditVerifier {
  readonly #faults: string[] = [];
  #faultCount = 0;
  #verified = 0;
  /** Since when each entry is wrong. */
  #wrongFrom: number | null = null;

  constructor(
    private readonly database: Database,
    private readonly chain: AuditChain,
  ) {}

  /** @param kept a head that was printed before. */
  verify(kept: Head | null, onProgress: (entries: number) => void = () => {}): Promise<Verdict> {
    return this.database.transaction(async (manager) => {
      // The application goes on writing: all that is read here is of one moment.
      await manager.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
      const start = await this.start(manager);
      let at = start.head;
      for (;;) {
        const rows = await pageAfter(manager, at.id);
        for (const row of rows) {
          this.compare(at, row, kept);
          at = { id: row.id, mac: row.mac ?? '' };
        }
        onProgress(rows.length);
        if (rows.length < PAGE_ROWS) break;
      }
      this.endWrong(at.id);
      const head = await this.chain.head(manager);
      this.compareHead(head, at, kept, start.head);
      return {
        verified: this.#verified,
        unchained: start.unchained,
        faults: this.#faults,
        faultCount: this.#faultCount,
        head: head && { id: head.id, mac: head.mac },
      };
    });
  }

  /** What the first entry follows: what the last retention has removed, or nothing. */
  private async start(manager: EntityManager): Promise<{ head: Head; unchained: number }> {
    const [trim] = await manager.query<{ detail: string }[]>(
      `SELECT detail FROM audit_log WHERE action = 'audit.trim' ORDER BY id DESC LIMIT 1`,
    );
    // Without a MAC, only entries from before the trail were removed.
    if (trim !== undefined && !trim.detail.endsWith(':')) {
      const removed = headOf(trim.detail.replace(/^removed up to /, ''));
      if (removed !== null) return { head: removed, unchained: 0 };
      this.fault('The entry of the last retention does not say what it has removed.');
    }
    const [begin] = await manager.query<{ id: number; unchained: number; strange: number }[]>(
      `SELECT begin.id::float8 AS id, count(before.id)::integer AS unchained, count(before.mac)::integer AS strange
       FROM (SELECT min(id) AS id FROM audit_log WHERE action = 'audit.begin') AS begin
       LEFT JOIN audit_log AS before ON before.id < begin.id GROUP BY begin.id`,
    );
    if (begin?.id == null) {
      this.fault('The first entry of the trail is missing.');
      return { head: { id: 0, mac: '' }, unchained: 0 };
    }
    if (begin.strange > 0)
      this.fault(`${begin.strange} entries before the first one of the trail have a MAC.`);
    return { head: { id: begin.id - 1, mac: '' }, unchained: begin.unchained };
  }

  private compare(before: Head, row: StoredRow, kept: Head | null): void {
    const { mac, ...content } = row;
    if (row.id !== before.id + 1) {
      this.endWrong(before.id);
      this.fault(`Entries ${before.id + 1} to ${row.id - 1} are missing.`);
    } else if (mac === null || !isSame(mac, this.chain.key.macOf(content, before.mac))) {
      this.#wrongFrom ??= row.id;
    } else {
      this.endWrong(before.id);
      this.#verified += 1;
    }
    if (row.action === 'audit.broken')
      this.fault(`Entry ${row.id}, of ${row.at.toISOString()}, says that ${row.detail}.`);
    if (kept?.id === row.id && kept.mac !== mac) this.fault(`Entry ${row.id} is not the one that was kept.`);
  }

  /** One fault for all in a row. */
  private endWrong(lastId: number): void {
    if (this.#wrongFrom !== null)
      this.fault(`Entries ${this.#wrongFrom} to ${lastId} were changed, or the one before them was.`);
    this.#wrongFrom = null;
  }

  private compareHead(
    head: (Head & { seal: string }) | null,
    last: Head,
    kept: Head | null,
    start: Head,
  ): void {
    if (head === null) {
      this.fault('The head of the trail is missing.');
      return;
    }
    if (!this.chain.isSealed(head)) this.fault('The head of the trail has a wrong seal.');
    if (head.id !== last.id || head.mac !== last.mac)
      this.fault(`The trail ends with entry ${last.id}, but its head says ${head.id}.`);
    if (kept !== null && kept.id > head.id) this.fault(`Entries ${head.id + 1} to ${kept.id} were removed.`);
    if (kept !== null && kept.id < start.id)
      this.fault(`Entry ${kept.id} is older than what is kept, so it cannot be compared.`);
    if (kept !== null && kept.id === start.id && kept.mac !== start.mac)
      this.fault(`Entry ${kept.id} is not the one that was kept.`);
  }

  private fault(text: string): void {
    this.#faultCount += 1;
    if (this.#faults.length < MAX_FAULTS) this.#faults.push(text);
  }
}

/** Reads `<id>:<mac>`. Null for any other text. */
export function headOf(text: string): Head | null {
  const [, id, mac] = /^(\d{1,15}):([\w-]{43})$/.exec(text) ?? [];
  return id === undefined || mac === undefined ? null : { id: Number(id), mac };
}

export function textOf({ id, mac }: Head): string {
  return `${id}:${mac}`;
}

function pageAfter(manager: EntityManager, id: number): Promise<StoredRow[]> {
  return manager.query<StoredRow[]>(
    `SELECT ${ROW_COLUMNS}, mac FROM audit_log WHERE id > $1 ORDER BY audit_log.id LIMIT ${PAGE_ROWS}`,
    [id],
  );
}

import { Injectable } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import { AuditLog, type AuditRecord } from '../../audit/audit-log.js';
import { CredentialCipher, type Credentials } from '../../credentials/credential-cipher.js';
import { Database } from '../../database/database.js';
import type { Change } from '../../outbox/change.js';
import { Invalidation } from '../../outbox/invalidation.js';
import { lockUsers } from '../platform-transaction.js';
import { MAX_PER_USER } from '../platform-writer.js';
import { PlatformConnection } from '../platform.entity.js';
import { sealedOf } from '../platform.repository.js';
import {
  type Holding,
  type ImportPlan,
  type ImportRow,
  type LineProblem,
  type PlannedRow,
  credentialsOf,
  isSame,
  planned,
} from './import-plan.js';

/** What the audit trail says of it, beside the operator. */
const DETAIL = 'import';

/** The accounts that rows belong to, in the transaction that writes them. */
export interface ImportAccounts {
  /** The ids of the addresses that have an account. */
  find(emails: readonly string[], manager: EntityManager): Promise<Map<string, number>>;
  /** Why the account of an address, which has none, is not created; null if it is. */
  refusal(email: string): string | null;
  create(email: string, manager: EntityManager): Promise<number>;
}

/** What became of a batch. Rows that are neither present nor have a problem were imported. */
export interface ImportOutcome {
  readonly imported: number;
  /** Rows whose account was connected already, with these credentials. */
  readonly present: number;
  readonly created: number;
  readonly problems: readonly LineProblem[];
}

/** By the address: what each person has after the rows so far, of which a trial writes none. */
export type Trial = Map<string, Holding[]>;

interface Person {
  readonly email: string;
  /** Null before the account is created. */
  readonly id: number | null;
  readonly isNew: boolean;
  /** The connection that was the default before. */
  readonly defaultId: number | null;
  readonly plan: ImportPlan;
}

interface Prepared {
  readonly people: readonly Person[];
  readonly problems: readonly LineProblem[];
}

interface NewConnection {
  readonly userId: number;
  readonly planned: PlannedRow;
}

/** Writes rows of many people, a batch in one transaction. It may run beside the API, and again after it was killed. */
@Injectable()
export class PlatformImport {
  constructor(
    private readonly database: Database,
    private readonly cipher: CredentialCipher,
    private readonly invalidation: Invalidation,
    private readonly audit: AuditLog,
  ) {}

  /** Imports each row of the batch that can be imported. If it throws, none of them was. */
  async write(rows: readonly ImportRow[], accounts: ImportAccounts): Promise<ImportOutcome> {
    let changes: Change[] = [];
    let transactionId = '';
    try {
      return await this.database.transaction(async (manager) => {
        const ids = await accounts.find(emailsOf(rows), manager);
        const locked = await lockUsers(manager, [...ids.values()]);
        changes = [...locked.pending];
        transactionId = locked.transactionId;
        const prepared = await this.#prepare(manager, rows, accounts, ids, null);
        const { records, connections } = await this.#people(manager, prepared.people, accounts, changes);
        for (const owner of await this.#insert(manager, connections)) {
          changes.push(owner);
          records.push({ action: 'platform.create', outcome: 'done', ...owner, detail: DETAIL });
        }
        if (records.length > 0) await this.audit.writeIn(manager, ...records);
        return outcomeOf(prepared);
      });
    } finally {
      await this.invalidation.afterCommit({ transactionId, changes });
    }
  }

  /** What `write` would do after the earlier batches of the trial. Writes nothing. */
  async attempt(rows: readonly ImportRow[], accounts: ImportAccounts, trial: Trial): Promise<ImportOutcome> {
    return this.database.transaction(async (manager) => {
      const ids = await accounts.find(emailsOf(rows), manager);
      return outcomeOf(await this.#prepare(manager, rows, accounts, ids, trial));
    });
  }

  async #prepare(
    manager: EntityManager,
    rows: readonly ImportRow[],
    accounts: ImportAccounts,
    ids: ReadonlyMap<string, number>,
    trial: Trial | null,
  ): Promise<Prepared> {
    const stored = await this.#stored(manager, [...ids.values()]);
    const people: Person[] = [];
    const problems: LineProblem[] = [];
    for (const [email, own] of byPerson(rows)) {
      const id = ids.get(email) ?? null;
      const isNew = id === null && trial?.has(email) !== true;
      const refusal = isNew ? accounts.refusal(email) : null;
      if (refusal !== null) {
        problems.push(...own.map(({ line }) => ({ line, pointer: '/email', detail: refusal })));
        continue;
      }
      const holdings = trial?.get(email) ?? (id === null ? [] : (stored.get(id) ?? []));
      const defaultId = holdings.find(({ isDefault }) => isDefault)?.id ?? null;
      const plan = planned(own, holdings, MAX_PER_USER);
      if (!isNew || plan.planned.length > 0) trial?.set(email, holdings);
      people.push({ email, id, isNew, defaultId, plan });
    }
    return { people, problems };
  }

  /** Creates accounts, and takes the default from connections that are not it any more. */
  async #people(
    manager: EntityManager,
    people: readonly Person[],
    accounts: ImportAccounts,
    changes: Change[],
  ): Promise<{ records: AuditRecord[]; connections: NewConnection[] }> {
    const records: AuditRecord[] = [];
    const connections: NewConnection[] = [];
    for (const { id, email, defaultId, plan } of people) {
      if (plan.planned.length === 0) continue;
      const userId = id ?? (await accounts.create(email, manager));
      if (id === null) records.push({ action: 'account.register', outcome: 'done', userId, detail: DETAIL });
      connections.push(...plan.planned.map((row) => ({ userId, planned: row })));
      if (defaultId === null || !plan.planned.some(({ holding }) => holding.isDefault)) continue;
      // Before the new one is inserted: the unique index never allows two.
      await manager.update(PlatformConnection, defaultId, { isDefault: false });
      changes.push({ userId, platformId: defaultId });
    }
    return { records, connections };
  }

  async #insert(
    manager: EntityManager,
    connections: readonly NewConnection[],
  ): Promise<{ userId: number; platformId: number }[]> {
    // The seal covers the ids, so they are needed before the rows exist.
    const ids = await manager.query<{ id: number }[]>(
      `SELECT nextval(pg_get_serial_sequence('platform_connections', 'id'))::integer AS id
       FROM generate_series(1, $1::integer)`,
      [connections.length],
    );
    const rows = ids.flatMap(({ id }, index) => {
      const connection = connections[index];
      return connection === undefined ? [] : [this.#sealed(id, connection)];
    });
    if (rows.length > 0) await manager.insert(PlatformConnection, rows);
    return rows.map(({ id, userId }) => ({ userId, platformId: id }));
  }

  #sealed(id: number, { userId, planned: { row, holding } }: NewConnection) {
    const { name, instanceUrl, username, externalId, isActive, isDefault } = holding;
    const { platformType, labels } = row.fields;
    const sealed = this.cipher.encrypt({ userId, id, instanceUrl, username }, credentialsOf(row));
    const account = { id, userId, name, platformType, instanceUrl, username };
    return { ...account, isActive, isDefault, labels: labels ?? {}, externalId, ...sealed };
  }

  async #stored(manager: EntityManager, userIds: readonly number[]): Promise<Map<number, Holding[]>> {
    const stored = new Map<number, Holding[]>();
    const order = { id: 'ASC' } as const;
    for (const row of await manager.find(PlatformConnection, { where: { userId: In(userIds) }, order })) {
      const { id, userId, name, instanceUrl, username, externalId, isActive, isDefault } = row;
      const holds = (credentials: Credentials): boolean => {
        const own = this.cipher.decrypt(row, sealedOf(row));
        return own !== null && isSame(own, credentials);
      };
      const holding = { id, name, instanceUrl, username, externalId, isActive, isDefault, holds };
      stored.set(userId, [...(stored.get(userId) ?? []), holding]);
    }
    return stored;
  }
}

function emailsOf(rows: readonly ImportRow[]): string[] {
  return [...new Set(rows.map(({ email }) => email))];
}

function byPerson(rows: readonly ImportRow[]): Map<string, ImportRow[]> {
  const people = new Map<string, ImportRow[]>();
  for (const row of rows) {
    const own = people.get(row.email);
    if (own === undefined) people.set(row.email, [row]);
    else own.push(row);
  }
  return people;
}

function outcomeOf({ people, problems }: Prepared): ImportOutcome {
  const plans = people.map(({ plan }) => plan);
  return {
    imported: plans.reduce((sum, plan) => sum + plan.planned.length, 0),
    present: plans.reduce((sum, plan) => sum + plan.present, 0),
    created: people.filter(({ isNew, plan }) => isNew && plan.planned.length > 0).length,
    problems: [...problems, ...plans.flatMap((plan) => plan.problems)],
  };
}

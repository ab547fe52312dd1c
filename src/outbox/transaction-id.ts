import type { EntityManager } from 'typeorm';

/** PostgreSQL's id of the manager's transaction, which the outbox records with each change. */
export async function transactionIdOf(manager: EntityManager): Promise<string> {
  const [row] = await manager.query<[{ id: string }]>('SELECT pg_current_xact_id()::text AS id');
  return row.id;
}

import type { Database } from './database.js';

/** More ids than anybody gives out between a backup and its restore. */
export const SKIPPED_IDS = 1_000_000;

/**
 * Makes a restored database a new epoch of its installation: access tokens, sessions, attempts and cached entries from
 * before count no more, and no id that was given out after the backup is given out again.
 *
 * @returns the epoch, and the number of sequences that were moved on.
 */
export function finishRestore(database: Database): Promise<{ epoch: number; sequences: number }> {
  return database.transaction(async (manager) => {
    // Not only one more: after a second restore of the same backup that would be the epoch of the first.
    const [installation] = await manager.query<[{ epoch: number }]>(
      `WITH raised AS (
         UPDATE installation SET epoch = greatest(epoch + 1, extract(epoch FROM now())::bigint) RETURNING epoch
       ) SELECT epoch::float8 AS epoch FROM raised`,
    );
    await manager.query('DELETE FROM refresh_tokens');
    await manager.query('DELETE FROM sessions');
    await manager.query('DELETE FROM connect_attempts');
    // Each works once, and may have been used since the backup.
    await manager.query('DELETE FROM mail_tokens');
    await manager.query('DELETE FROM email_changes');
    await manager.query('DELETE FROM webauthn_challenges');
    await manager.query('DELETE FROM invitations');
    await manager.query('DELETE FROM connect_links');
    // A client that resumes its stream of events learns that it has missed some.
    await manager.query(
      'UPDATE platform_event_position SET last_event_id = last_event_id + $1, forgotten_event_id = last_event_id + $1',
      [SKIPPED_IDS],
    );
    const sequences = await manager.query<{ name: string }[]>(
      `SELECT format('%I.%I', schemaname, sequencename) AS name FROM pg_sequences WHERE schemaname = current_schema()`,
    );
    for (const { name } of sequences) {
      await manager.query(`SELECT setval($1, (SELECT last_value FROM ${name}) + $2)`, [name, SKIPPED_IDS]);
    }
    return { epoch: installation.epoch, sequences: sequences.length };
  });
}

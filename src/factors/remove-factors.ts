import type { EntityManager } from 'typeorm';

/** All that a user has beside the password. @returns false if that was nothing. */
export async function removeFactorsOf(userId: number, manager: EntityManager): Promise<boolean> {
  await manager.query('DELETE FROM recovery_codes WHERE user_id = $1', [userId]);
  const [passkeys] = await manager.query<[unknown[], number]>(
    'DELETE FROM passkeys WHERE user_id = $1 RETURNING id',
    [userId],
  );
  const [apps] = await manager.query<[unknown[], number]>(
    'DELETE FROM totp_factors WHERE user_id = $1 RETURNING confirmed_at',
    [userId],
  );
  return passkeys.length + apps.length > 0;
}

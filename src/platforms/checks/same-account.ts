import type { EntityManager } from 'typeorm';
import type { InstanceAccount } from '../../instances/account.js';
import type { PlatformType } from '../../instances/software.js';

// An account id from a test or an earlier OAuth connection takes precedence over a username that the user typed.
// A DID is the same account wherever it is, so one that has moved is found at its old server.
const SAME_ACCOUNT_SQL = `
  SELECT id FROM platform_connections
  WHERE user_id = $1 AND id <> $6 AND (
    instance_url = $2 AND (
      account_id = $3 OR account_id IS NULL AND lower(ltrim(username, '@')) IN (lower($4), lower($4 || '@' || $5))
    )
    OR $7 = 'bluesky' AND platform_type = 'bluesky' AND account_id = $3
  )
  ORDER BY account_id NULLS LAST, id LIMIT 1`;
/** No connection has this id. */
const NONE = 0;

interface OwnAccount {
  readonly userId: number;
  readonly instanceUrl: string;
  readonly platformType: PlatformType;
  readonly account: InstanceAccount;
}

/**
 * The connection of the user that has this account.
 *
 * @param except the id of a connection that is not looked at.
 */
export async function findSameAccount(
  manager: EntityManager,
  { userId, instanceUrl, platformType, account }: OwnAccount,
  except = NONE,
): Promise<number | null> {
  const { host } = new URL(instanceUrl);
  const parameters = [userId, instanceUrl, account.id, account.username, host, except, platformType];
  return (await manager.query<{ id: number }[]>(SAME_ACCOUNT_SQL, parameters))[0]?.id ?? null;
}

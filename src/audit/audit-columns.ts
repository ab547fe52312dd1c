/** SQL: the columns of a ChainedRow. Order by `audit_log.id`: `id` alone is the one that is given here, and has no index. */
export const ROW_COLUMNS = `id::float8 AS id, at, action, outcome, actor, user_id AS "userId", api_key_id AS "apiKeyId",
  platform_id AS "platformId", reason, detail, address, request_id AS "requestId"`;

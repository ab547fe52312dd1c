import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditLog } from '../audit/audit-log.js';
import { InvalidField } from '../common/domain-error.js';
import { hashOf, mayBeSecret, newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { Database } from '../database/database.js';
import { KeyedRequests } from '../idempotency/keyed-requests.js';
import { EXTERNAL_USER_LABEL, type Labels } from '../platforms/labels.js';
import type { ConnectLink } from './connect-link.entity.js';
import { ConnectFailed, ConnectLinkNotFound, TooManyConnectLinks } from './connect.errors.js';
import type { SavedAccount } from './connected-accounts.js';
import type { ConnectLinkDto, CreateConnectLinkDto, NewConnectLinkDto } from './dto/connect-link.dto.js';
import { assertMayReturnTo } from './return-address.js';

export const LINK_TTL_SECONDS = 1800;
/** Of one user, at the same time. */
export const MAX_LINKS = 1000;
const PURGED_PER_LINK = 100;

export type OpenLink = Readonly<Omit<ConnectLink, 'tokenHash'>>;

interface LinkedAccount {
  readonly instanceUrl: string;
  /** Null for an account that is not at Bluesky. */
  readonly did: string | null;
}

const COLUMNS = `id, user_id AS "userId", external_user_id AS "externalUserId", application_name AS "applicationName",
  return_to AS "returnTo", platform_id AS "platformId", browser_hash AS "browserHash", created_at AS "createdAt",
  expires_at AS "expiresAt"`;
const ACCOUNT_SQL = `
  SELECT instance_url AS "instanceUrl", CASE platform_type WHEN 'bluesky' THEN account_id END AS did
  FROM platform_connections WHERE id = $1 AND user_id = $2`;
/** A link ends with the use of its owner's account. */
const OPEN = `expires_at > now() AND EXISTS (SELECT 1 FROM users WHERE id = user_id AND disabled_at IS NULL)`;

const INSERT_SQL = `
  INSERT INTO connect_links (token_hash, user_id, external_user_id, application_name, return_to, platform_id, expires_at)
  SELECT $1, $2::integer, $3, $4, $5, $6::integer, now() + make_interval(secs => ${LINK_TTL_SECONDS})
  WHERE (SELECT count(*) FROM connect_links WHERE user_id = $2::integer AND expires_at > now()) < ${MAX_LINKS}
  RETURNING ${COLUMNS}`;

/** The links of users, for people who have no account here. The database's clock decides when one ends. */
@Injectable()
export class ConnectLinks {
  constructor(
    private readonly database: Database,
    private readonly audit: AuditLog,
    private readonly keyed: KeyedRequests,
    private readonly config: AppConfig,
  ) {}

  /**
   * Only this answer ever holds the link; its secret is stored as a hash.
   *
   * @throws {InvalidField | TooManyConnectLinks}
   */
  async create(userId: number, dto: CreateConnectLinkDto): Promise<NewConnectLinkDto> {
    assertMayReturnTo(dto.returnTo, this.config);
    const token = newSecret();
    return this.database.transaction(async (manager) => {
      await purge(manager);
      if (dto.platformId !== undefined) await assertOf(manager, userId, dto.platformId, dto.externalUserId);
      const [created] = await manager.query<OpenLink[]>(INSERT_SQL, [
        ...[hashOf(token), userId, dto.externalUserId],
        ...[dto.applicationName ?? null, dto.returnTo ?? null, dto.platformId ?? null],
      ]);
      if (created === undefined) throw new TooManyConnectLinks(MAX_LINKS);
      // Behind the #, so that no server's log has it.
      const url = `${this.config.publicUrl}/console/connect#${token}`;
      const answer = { id: created.id, url, expiresAt: created.expiresAt };
      await this.keyed.keepIn(manager, answer);
      await this.audit.writeIn(manager, { ...recordOf(created), userId, outcome: 'made' });
      return answer;
    });
  }

  /** Those that can be used, the newest first. */
  async list(userId: number): Promise<ConnectLinkDto[]> {
    const links = await this.database.statement<OpenLink>(
      `SELECT ${COLUMNS} FROM connect_links WHERE user_id = $1 AND expires_at > now() ORDER BY id DESC LIMIT ${MAX_LINKS}`,
      [userId],
    );
    return links.map(({ userId: _, browserHash, ...shown }) => ({ ...shown, begun: browserHash !== null }));
  }

  /** Ends what was begun with it too. @throws {ConnectLinkNotFound} */
  async revoke(userId: number, id: number): Promise<void> {
    await this.database.transaction(async (manager) => {
      const [[revoked]] = await manager.query<[OpenLink[], number]>(
        `DELETE FROM connect_links WHERE id = $1 AND user_id = $2 AND expires_at > now() RETURNING ${COLUMNS}`,
        [id, userId],
      );
      if (revoked === undefined) throw new ConnectLinkNotFound();
      await this.audit.writeIn(manager, { ...recordOf(revoked), userId, outcome: 'revoked' });
    });
  }

  /**
   * @param browsers the cookies of the request: a link that was begun with is open only to the browser that began.
   * @throws {ConnectLinkNotFound}
   */
  async open(token: string, browsers: readonly string[]): Promise<OpenLink> {
    if (!mayBeSecret(token)) throw new ConnectLinkNotFound();
    const [link] = await this.database.statement<OpenLink>(
      `SELECT ${COLUMNS} FROM connect_links WHERE token_hash = $1 AND ${OPEN}`,
      [hashOf(token)],
    );
    if (link === undefined) throw new ConnectLinkNotFound();
    if (link.browserHash !== null && browserOf(link, browsers) === null) throw new ConnectLinkNotFound();
    return link;
  }

  /** Of two browsers at once, one gets it. @throws {ConnectLinkNotFound} */
  async bind({ id }: OpenLink, browser: string): Promise<void> {
    const bound = await this.database.statement(
      `WITH bound AS (
         UPDATE connect_links SET browser_hash = $2
         WHERE id = $1 AND (browser_hash IS NULL OR browser_hash = $2) AND ${OPEN} RETURNING id
       ) SELECT id FROM bound`,
      [id, hashOf(browser)],
    );
    if (bound.length === 0) throw new ConnectLinkNotFound();
  }

  /** The link of an attempt. @throws {ConnectLinkNotFound} */
  async ofAttempt(id: number): Promise<OpenLink> {
    const [link] = await this.database.statement<OpenLink>(
      `SELECT ${COLUMNS} FROM connect_links WHERE id = $1 AND ${OPEN}`,
      [id],
    );
    if (link === undefined) throw new ConnectLinkNotFound();
    return link;
  }

  /**
   * Of a link that reconnects one. The DID of a Bluesky account leads to its server, wherever that is and whatever its handle
   * is now.
   *
   * @throws {ConnectLinkNotFound}
   */
  async accountOf({ platformId, userId }: OpenLink): Promise<LinkedAccount | null> {
    if (platformId === null) return null;
    const [account] = await this.database.statement<LinkedAccount>(ACCOUNT_SQL, [platformId, userId]);
    if (account === undefined) throw new ConnectLinkNotFound();
    return account;
  }

  /**
   * Uses a link up, in the transaction that saves what was connected: it is good for one connection.
   *
   * @throws {ConnectLinkNotFound} if it was used or revoked in between.
   * @throws {ConnectFailed} if the account is not the link's to connect.
   */
  async use(manager: EntityManager, link: OpenLink, { id, result }: SavedAccount): Promise<void> {
    const [used] = await manager.query<[unknown[], number]>(
      `DELETE FROM connect_links WHERE id = $1 AND ${OPEN} RETURNING id`,
      [link.id],
    );
    if (used.length === 0) throw new ConnectLinkNotFound();
    if (link.platformId !== null && link.platformId !== id)
      throw new ConnectFailed('identity_mismatch', 'This is another account than the one to reconnect.');
    if (result === 'renewed' && (await labelOf(manager, id)) !== link.externalUserId)
      throw new ConnectFailed('account_taken', 'This account is connected here already, for somebody else.');
  }
}

/** The secret of the browser that began with a link; null if it has not come. */
export function browserOf({ browserHash }: OpenLink, browsers: readonly string[]): string | null {
  return browsers.find((browser) => browserHash?.equals(hashOf(browser)) === true) ?? null;
}

/** By which its owner finds a connection again. */
export function labelsOf({ externalUserId }: Pick<OpenLink, 'externalUserId'>): Labels {
  return { [EXTERNAL_USER_LABEL]: externalUserId };
}

function recordOf({ id, platformId }: OpenLink) {
  const record = { action: 'connect.link', detail: `Connect link ${id}` } as const;
  return platformId === null ? record : { ...record, platformId };
}

async function purge(manager: EntityManager): Promise<void> {
  await manager.query(
    `DELETE FROM connect_links WHERE id IN (
       SELECT id FROM connect_links WHERE expires_at <= now() LIMIT $1 FOR UPDATE SKIP LOCKED
     )`,
    [PURGED_PER_LINK],
  );
}

/**
 * Only the connection of the same person: a link must not lead to another's. Its username is how the account that comes back
 * is recognised. The row stays while the link is made.
 *
 * @throws {InvalidField} the same for an absent connection and another user's.
 */
async function assertOf(manager: EntityManager, userId: number, id: number, person: string): Promise<void> {
  const [found] = await manager.query<{ person: string | null; username: string | null }[]>(
    `SELECT labels->>$3 AS person, username FROM platform_connections WHERE id = $1 AND user_id = $2 FOR KEY SHARE`,
    [id, userId, EXTERNAL_USER_LABEL],
  );
  if (found !== undefined && found.person === person && found.username !== null) return;
  const detail = `platformId must be one of your own connections that has a username and the label ${EXTERNAL_USER_LABEL}=<externalUserId>`;
  throw new InvalidField([{ pointer: '/platformId', detail }]);
}

async function labelOf(manager: EntityManager, id: number): Promise<string | null> {
  const [row] = await manager.query<{ person: string | null }[]>(
    'SELECT labels->>$2 AS person FROM platform_connections WHERE id = $1',
    [id, EXTERNAL_USER_LABEL],
  );
  return row?.person ?? null;
}

import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import type { Repository } from 'typeorm';
import { CredentialCipher } from '../credentials/credential-cipher.js';
import type { SealedCredentials } from '../credentials/sealed-credentials.js';
import type { CachedPlatform } from './platform-cache.js';
import { type PlatformView, inListOrder } from './platform-view.js';
import { PlatformConnection } from './platform.entity.js';

/** A row of `platform_connections`, credentials encrypted. */
export type PlatformRow = PlatformConnection;

/** Reads rows and turns them into what is shown and cached. */
@Injectable()
export class PlatformRepository {
  constructor(
    @InjectRepository(PlatformConnection) private readonly repository: Repository<PlatformConnection>,
    private readonly cipher: CredentialCipher,
  ) {}

  async listActive(userId: number): Promise<PlatformView[]> {
    return this.toList(await this.repository.findBy({ userId, isActive: true }));
  }

  async listAll(userId: number): Promise<PlatformView[]> {
    return this.toList(await this.repository.findBy({ userId }));
  }

  async find(id: number): Promise<CachedPlatform | null> {
    const row = await this.findRow(id);
    return row === null ? null : this.toCached(row);
  }

  /** In the order of the list, with the inactive ones. */
  async findAll(userId: number): Promise<CachedPlatform[]> {
    return inListOrder(await this.repository.findBy({ userId })).map((row) => this.toCached(row));
  }

  findRow(id: number): Promise<PlatformConnection | null> {
    return this.repository.findOneBy({ id });
  }

  /** Ordered by last sign-in; the index on it ends the search after `limit` users. */
  async recentlyActiveUsers(limit: number): Promise<number[]> {
    const rows = await this.repository.query<{ id: number }[]>(
      `SELECT u.id FROM users u
       WHERE EXISTS (SELECT 1 FROM platform_connections p WHERE p.user_id = u.id AND p.is_active)
       ORDER BY u.last_active_at DESC NULLS LAST LIMIT $1`,
      [limit],
    );
    return rows.map(({ id }) => id);
  }

  toView(row: PlatformConnection): PlatformView {
    return {
      id: row.id,
      userId: row.userId,
      name: row.name,
      platformType: row.platformType,
      software: row.software,
      softwareVersion: row.softwareVersion,
      instanceUrl: row.instanceUrl,
      username: row.username,
      isActive: row.isActive,
      isDefault: row.isDefault,
      // Credentials that cannot be opened are useless, whatever the last check found.
      status: this.cipher.isIntact(row, sealedOf(row)) ? row.status : 'needs_reconnect',
      lastCheckedAt: row.lastCheckedAt,
      lastError: row.lastError,
      tokenExpiresAt: row.tokenExpiresAt,
      hasClientCredentials: row.clientKey !== null && row.clientSecret !== null,
      hasAvatar: row.avatarUrl !== null,
      labels: row.labels,
      externalId: row.externalId,
      lastUsed: row.lastUsed,
      createdAt: row.createdAt,
      updatedAt: row.updatedAt,
      version: row.version,
    };
  }

  private toCached(row: PlatformConnection): CachedPlatform {
    const view = this.toView(row);
    return { view, body: JSON.stringify(view), credentials: sealedOf(row) };
  }

  private toList(rows: PlatformConnection[]): PlatformView[] {
    return inListOrder(rows).map((row) => this.toView(row));
  }
}

export function sealedOf(row: PlatformConnection): SealedCredentials {
  const { accessToken, clientKey, clientSecret, keyId, seal } = row;
  return { accessToken, clientKey, clientSecret, keyId, seal };
}

import { Injectable } from '@nestjs/common';
import { Brackets, type EntityManager } from 'typeorm';
import { Replica } from '../database/replica.service.js';
import type { AdminPlatformsPageDto, AdminPlatformsQuery } from './dto/admin-platforms.dto.js';
import { PlatformRows } from './platform-rows.js';
import { PlatformConnection } from './platform.entity.js';

/** Everybody's connections, for admins. Rarely asked for and never cached. */
@Injectable()
export class AdminPlatforms {
  constructor(
    private readonly replica: Replica,
    private readonly rows: PlatformRows,
  ) {}

  async find(query: AdminPlatformsQuery): Promise<AdminPlatformsPageDto> {
    const { page, pageSize } = query;
    const [found, total] = await this.replica.load((manager) =>
      this.select(manager, query).getManyAndCount(),
    );
    return { items: found.map((row) => this.rows.toView(row)), page, pageSize, total };
  }

  private select(
    manager: EntityManager,
    { search, platformType, status, userId, page, pageSize }: AdminPlatformsQuery,
  ) {
    const select = manager
      .createQueryBuilder(PlatformConnection, 'platform')
      // By id: the order does not change under whoever turns the pages.
      .orderBy('platform.id')
      .skip((page - 1) * pageSize)
      .take(pageSize);
    if (platformType !== undefined)
      select.andWhere('platform.platformType = :platformType', { platformType });
    if (status !== undefined) select.andWhere('platform.status = :status', { status });
    if (userId !== undefined) select.andWhere('platform.userId = :userId', { userId });
    if (search !== undefined) {
      const pattern = `%${escapeLike(search)}%`;
      const anywhere = new Brackets((either) =>
        either
          .where('platform.name ILIKE :pattern', { pattern })
          .orWhere('platform.instanceUrl ILIKE :pattern', { pattern })
          .orWhere('platform.username ILIKE :pattern', { pattern }),
      );
      select.andWhere(anywhere);
    }
    return select;
  }
}

/** So that `%` and `_` stand for themselves; the backslash is PostgreSQL's escape character unless told otherwise. */
export function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}

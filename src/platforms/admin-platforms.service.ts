import { Injectable } from '@nestjs/common';
import { Brackets, type EntityManager } from 'typeorm';
import { Replica } from '../database/replica.service.js';
import {
  type AdminPlatformsPageDto,
  type AdminPlatformsQuery,
  MAX_PAGE,
  MAX_PAGE_SIZE,
} from './dto/admin-platforms.dto.js';
import { PlatformRows } from './platform-rows.js';
import { PlatformConnection } from './platform.entity.js';

/** As many rows as the last page ends with are counted; counting all would read all. */
const MAX_TOTAL = MAX_PAGE * MAX_PAGE_SIZE;

/** Everybody's connections, for admins. Rarely asked for and never cached. */
@Injectable()
export class AdminPlatforms {
  constructor(
    private readonly replica: Replica,
    private readonly rows: PlatformRows,
  ) {}

  async find(query: AdminPlatformsQuery): Promise<AdminPlatformsPageDto> {
    const { page, pageSize } = query;
    const [found, counted] = await this.replica.load(async (manager) => {
      const [sql, parameters] = this.select(manager, query)
        .select('1')
        // In the order of ids too: each filter has an index that begins with it and goes on by id.
        .limit(MAX_TOTAL + 1)
        .getQueryAndParameters();
      const rows = this.select(manager, query)
        .offset((page - 1) * pageSize)
        .limit(pageSize);
      const bounded = await manager.query<{ total: number }[]>(
        `SELECT count(*)::integer AS total FROM (${sql}) AS found`,
        parameters,
      );
      return [await rows.getMany(), bounded[0]?.total ?? 0] as const;
    });
    return {
      items: found.map((row) => this.rows.toView(row)),
      page,
      pageSize,
      total: Math.min(counted, MAX_TOTAL),
      totalIsExact: counted <= MAX_TOTAL,
    };
  }

  private select(manager: EntityManager, { search, platformType, status, userId }: AdminPlatformsQuery) {
    const select = manager
      .createQueryBuilder(PlatformConnection, 'platform')
      // By id: the order does not change under whoever turns the pages.
      .orderBy('platform.id');
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
function escapeLike(text: string): string {
  return text.replaceAll(/[\\%_]/g, '\\$&');
}

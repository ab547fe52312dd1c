import { Injectable } from '@nestjs/common';
import { Brackets, type EntityManager } from 'typeorm';
import { escapeLike } from '../database/escape-like.js';
import { Replica } from '../database/replica.js';
import { decodeCursor, encodeCursor, type Place } from '../http/page-cursor.js';
import { labelSought } from './labels.js';
import type { PlatformStatus, PlatformType, PlatformView } from './platform-view.js';
import { PlatformConnection } from './platform.entity.js';
import { PlatformRepository } from './platform.repository.js';

/** A page costs the rows before it too: 10,000 at most. */
export const MAX_PAGE = 100;
export const MAX_PAGE_SIZE = 100;
/** Rows are counted up to the end of the last page; counting all of them would read all of them. */
export const MAX_TOTAL = MAX_PAGE * MAX_PAGE_SIZE;

export const SEARCH_SORTS = ['id', '-id'] as const;
export type SearchSort = (typeof SEARCH_SORTS)[number];

export interface PlatformFilter {
  readonly search?: string | undefined;
  readonly platformType?: PlatformType;
  readonly status?: PlatformStatus;
  readonly userId?: number;
  /** As in PlatformListQuery. */
  readonly label?: readonly string[];
  /** From 1. */
  readonly page: number;
  readonly pageSize: number;
  readonly sort?: SearchSort;
  readonly cursor?: string;
}

export interface PlatformsPage {
  /** By id, inactive ones too. */
  readonly items: PlatformView[];
  readonly page: number;
  readonly pageSize: number;
  readonly total: number;
  /** False when there are more than `total`. */
  readonly totalIsExact: boolean;
  /** The cursor of the next page; null on the last one. */
  readonly next: string | null;
}

/** The id is the only key. It ends the index of each filter, so no page reads the rows before it. */
export function searchPlaceOf({ sort = 'id' }: Pick<PlatformFilter, 'sort'>, id = 1): Place {
  return { sort, keys: [id] };
}

/** The connections of all users, for administrators. Rarely used and never cached. */
@Injectable()
export class PlatformSearch {
  constructor(
    private readonly replica: Replica,
    private readonly repository: PlatformRepository,
  ) {}

  async find(filter: PlatformFilter): Promise<PlatformsPage> {
    const { page, pageSize, cursor } = filter;
    const { sort, keys } = searchPlaceOf(filter);
    const after = cursor === undefined ? null : decodeCursor(cursor, sort, keys);
    const [found, counted] = await this.replica.load(async (manager) => {
      const [sql, parameters] = this.select(manager, filter)
        .select('1')
        // Counted in the order of ids too: each filter has an index that ends with the id.
        .limit(MAX_TOTAL + 1)
        .getQueryAndParameters();
      const rows = this.select(manager, filter)
        .offset((page - 1) * pageSize)
        // One more tells whether there is a next page.
        .limit(pageSize + 1);
      if (after !== null)
        rows.andWhere(`platform.id ${sort === 'id' ? '>' : '<'} CAST(:after AS bigint)`, { after: after[0] });
      const bounded = await manager.query<{ total: number }[]>(
        `SELECT count(*)::integer AS total FROM (${sql}) AS found`,
        parameters,
      );
      return [await rows.getMany(), bounded[0]?.total ?? 0] as const;
    });
    const items = found.slice(0, pageSize);
    const last = items.at(-1);
    return {
      items: items.map((row) => this.repository.toView(row)),
      page,
      pageSize,
      total: Math.min(counted, MAX_TOTAL),
      totalIsExact: counted <= MAX_TOTAL,
      next:
        last === undefined || found.length <= pageSize ? null : encodeCursor(searchPlaceOf(filter, last.id)),
    };
  }

  private select(
    manager: EntityManager,
    { search, platformType, status, userId, label = [], sort }: PlatformFilter,
  ) {
    const select = manager
      .createQueryBuilder(PlatformConnection, 'platform')
      // By id, so that the order does not change between two pages.
      .orderBy('platform.id', sort === '-id' ? 'DESC' : 'ASC');
    if (platformType !== undefined)
      select.andWhere('platform.platformType = :platformType', { platformType });
    if (status !== undefined) select.andWhere('platform.status = :status', { status });
    if (userId !== undefined) select.andWhere('platform.userId = :userId', { userId });
    for (const [at, { key, value }] of label.map(labelSought).entries()) {
      // The index knows both operators.
      if (value === null) select.andWhere(`platform.labels ? :key${at}`, { [`key${at}`]: key });
      else
        select.andWhere(`platform.labels @> :label${at}`, {
          [`label${at}`]: JSON.stringify({ [key]: value }),
        });
    }
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

import { Injectable } from '@nestjs/common';
import { Brackets, type EntityManager, type SelectQueryBuilder } from 'typeorm';
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
    const [total, ids, rows] = await this.replica.load(async (manager) => {
      const first = await this.first(manager, filter);
      const { ids } = after === null ? first : await this.first(manager, filter, after[0]);
      const shown = this.ordered(manager, filter).whereInIds(ids.slice(0, pageSize));
      return [first.total, ids, ids.length === 0 ? [] : await shown.getMany()] as const;
    });
    const last = ids[pageSize - 1];
    return {
      items: rows.map((row) => this.repository.toView(row)),
      page,
      pageSize,
      total: Math.min(total, MAX_TOTAL),
      totalIsExact: total <= MAX_TOTAL,
      next: last === undefined || ids.length <= pageSize ? null : encodeCursor(searchPlaceOf(filter, last)),
    };
  }

  /**
   * The ids of a page, and how many connections there are up to the end of the last page and one more. PostgreSQL plans
   * for all of those: for a page alone it reads the table in the order of ids until the page is full, and where few match,
   * that is all of the table.
   */
  private async first(
    manager: EntityManager,
    filter: PlatformFilter,
    after?: Place['keys'][number],
  ): Promise<{ readonly total: number; readonly ids: readonly number[] }> {
    const { page, pageSize, sort } = filter;
    const select = this.select(manager, filter).select('platform.id', 'id');
    if (after !== undefined)
      select.andWhere(`platform.id ${sort === '-id' ? '<' : '>'} CAST(:after AS bigint)`, { after });
    const offset = (page - 1) * pageSize;
    // One more tells whether there is a next page.
    const end = offset + pageSize + 1;
    const [sql, parameters] = select.limit(Math.max(MAX_TOTAL + 1, end)).getQueryAndParameters();
    const [found] = await manager.query<[{ total: number; ids: number[] }]>(
      `WITH found AS MATERIALIZED (${sql})
       SELECT count(*)::integer AS total, coalesce((array_agg(id ORDER BY id ${directionOf(filter)}))[${offset + 1}:${end}], '{}') AS ids
       FROM found`,
      parameters,
    );
    return found;
  }

  private select(manager: EntityManager, filter: PlatformFilter): SelectQueryBuilder<PlatformConnection> {
    const { search, platformType, status, userId, label = [] } = filter;
    const select = this.ordered(manager, filter);
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

  /** By id, so that the order does not change between two pages. */
  private ordered(manager: EntityManager, filter: PlatformFilter): SelectQueryBuilder<PlatformConnection> {
    return manager
      .createQueryBuilder(PlatformConnection, 'platform')
      .orderBy('platform.id', directionOf(filter));
  }
}

const directionOf = ({ sort }: PlatformFilter): 'ASC' | 'DESC' => (sort === '-id' ? 'DESC' : 'ASC');

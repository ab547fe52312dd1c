import { Injectable } from '@nestjs/common';
import { escapeLike } from '../database/escape-like.js';
import { Replica } from '../database/replica.js';
import type { Role } from '../http/auth/auth-user.js';
import { decodeCursor, encodeCursor, type Place } from '../http/page-cursor.js';
import { User } from './user.entity.js';

export const USER_SORTS = ['id', '-id'] as const;
export type UserSort = (typeof USER_SORTS)[number];

export interface UserFilter {
  /** Part of the address. */
  readonly search?: string;
  readonly role?: Role;
  readonly disabled?: boolean;
  readonly sort?: UserSort;
  readonly limit: number;
  readonly cursor?: string;
}

/** A user as administrators see one. */
export type ManagedUser = Pick<
  User,
  'id' | 'email' | 'role' | 'oidcIssuer' | 'createdAt' | 'lastActiveAt' | 'disabledAt' | 'leavesAt'
>;

export interface UsersPage {
  readonly items: ManagedUser[];
  /** The cursor of the next page; null on the last one. */
  readonly next: string | null;
}

/** The id is the only key, as in the search of connections. */
export function userPlaceOf({ sort = 'id' }: Pick<UserFilter, 'sort'>, id = 1): Place {
  return { sort, keys: [id] };
}

/** All users, for administrators. */
@Injectable()
export class UserSearch {
  constructor(private readonly replica: Replica) {}

  async find(filter: UserFilter): Promise<UsersPage> {
    const { search, role, disabled, limit, cursor } = filter;
    const { sort, keys } = userPlaceOf(filter);
    const after = cursor === undefined ? null : decodeCursor(cursor, sort, keys);
    const found = await this.replica.load(async (manager) => {
      const select = manager
        .createQueryBuilder(User, 'account')
        .orderBy('account.id', sort === '-id' ? 'DESC' : 'ASC')
        // One more tells whether there is a next page.
        .limit(limit + 1);
      if (search !== undefined)
        select.andWhere('account.email LIKE :pattern', { pattern: `%${escapeLike(search.toLowerCase())}%` });
      // As literals: with a parameter, a generic plan could not use the index of the few.
      if (role !== undefined) select.andWhere(`account.role = '${role}'`);
      if (disabled !== undefined) select.andWhere(`account.disabledAt IS ${disabled ? 'NOT ' : ''}NULL`);
      if (after !== null)
        select.andWhere(`account.id ${sort === 'id' ? '>' : '<'} CAST(:after AS bigint)`, {
          after: after[0],
        });
      return select.getMany();
    });
    const items = found.slice(0, limit);
    const last = items.at(-1);
    const next =
      last === undefined || found.length <= limit ? null : encodeCursor(userPlaceOf(filter, last.id));
    return { items, next };
  }
}

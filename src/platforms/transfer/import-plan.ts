import type { FieldProblem } from '../../common/domain-error.js';
import type { Credentials } from '../../credentials/credential-cipher.js';
import type { CreatePlatformDto } from '../dto/write-platform.dto.js';

/** A connection to import. The fields have passed the checks of the API's create, and the URL is canonical. */
export interface ImportRow {
  /** Where it is in the file, counted from 1. */
  readonly line: number;
  /** Whose it is, in normal form. */
  readonly email: string;
  readonly isActive: boolean;
  readonly fields: CreatePlatformDto;
}

/** A connection that an account has, or gets from an earlier row. */
export interface Holding {
  /** Null for one that is not stored yet. */
  readonly id: number | null;
  readonly name: string;
  readonly instanceUrl: string;
  readonly username: string | null;
  readonly externalId: string | null;
  readonly isActive: boolean;
  isDefault: boolean;
  holds(credentials: Credentials): boolean;
}

export interface PlannedRow {
  readonly row: ImportRow;
  readonly holding: Holding;
}

export interface LineProblem extends FieldProblem {
  readonly line: number;
}

export interface ImportPlan {
  readonly planned: readonly PlannedRow[];
  readonly present: number;
  readonly problems: readonly LineProblem[];
}

/**
 * What rows of one account become, in the order of the file, by the rules of the API's create.
 *
 * @param holdings what the account has. The new ones are added, and a default that passes to another is marked so.
 */
export function planned(rows: readonly ImportRow[], holdings: Holding[], most: number): ImportPlan {
  const plan: PlannedRow[] = [];
  const problems: LineProblem[] = [];
  let present = 0;
  for (const row of rows) {
    const same = holdings.find((holding) => isSameAccount(holding, row));
    if (same?.holds(credentialsOf(row)) === true) {
      present++;
      continue;
    }
    const problem = problemOf(row, same, holdings, most);
    if (problem !== null) {
      problems.push({ line: row.line, ...problem });
      continue;
    }
    const isDefault =
      row.isActive && (row.fields.isDefault === true || !holdings.some(({ isActive }) => isActive));
    if (isDefault) for (const holding of holdings) holding.isDefault = false;
    const holding = holdingOf(row, isDefault);
    holdings.push(holding);
    plan.push({ row, holding });
  }
  return { planned: plan, present, problems };
}

export function credentialsOf({ fields }: ImportRow): Credentials {
  const { accessToken, clientKey = null, clientSecret = null } = fields;
  return { accessToken, clientKey, clientSecret };
}

/** Without a username, which the database does not compare, it goes by the name. */
function isSameAccount(holding: Holding, { fields }: ImportRow): boolean {
  const { name, instanceUrl, username = null } = fields;
  if (holding.instanceUrl !== instanceUrl || holding.username !== username) return false;
  return username !== null || holding.name === name;
}

function problemOf(
  { fields, isActive }: ImportRow,
  same: Holding | undefined,
  holdings: readonly Holding[],
  most: number,
): FieldProblem | null {
  if (same !== undefined)
    return {
      pointer: '/accessToken',
      detail: 'the account is already connected, with other credentials, which were kept',
    };
  if (holdings.some(({ name }) => name === fields.name))
    return { pointer: '/name', detail: 'another connection of this person has this name' };
  const { externalId = null } = fields;
  if (externalId !== null && holdings.some((holding) => holding.externalId === externalId))
    return { pointer: '/externalId', detail: 'another connection of this person has this external id' };
  if (fields.isDefault === true && !isActive)
    return { pointer: '/isDefault', detail: 'an inactive connection cannot be the default' };
  if (holdings.length >= most)
    return { pointer: '/email', detail: `this person already has ${most} connections` };
  return null;
}

function holdingOf(row: ImportRow, isDefault: boolean): Holding {
  const { name, instanceUrl, username = null, externalId = null } = row.fields;
  const own = credentialsOf(row);
  return {
    id: null,
    name,
    instanceUrl,
    username,
    externalId,
    isActive: row.isActive,
    isDefault,
    holds: (credentials) => isSame(own, credentials),
  };
}

export function isSame(one: Credentials, other: Credentials): boolean {
  return (
    one.accessToken === other.accessToken &&
    one.clientKey === other.clientKey &&
    one.clientSecret === other.clientSecret
  );
}

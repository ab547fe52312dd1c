import createClient from 'openapi-fetch';
import { BASE } from './base.js';
import { refusal } from './problem.js';
import type { components, paths } from './schema.js';
import { sendAuthorized } from './session.js';

export type Platform = components['schemas']['PlatformDto'];
export type PlatformStats = components['schemas']['PlatformStatsDto'];
export type ActivityOfDay = components['schemas']['ActivityOfDayDto'];
export type AccountOfDay = components['schemas']['SnapshotOfDayDto'];
export type CacheFigures = components['schemas']['CacheFiguresDto'];
export type NewPlatform = components['schemas']['CreatePlatformDto'];
export type PlatformChange = components['schemas']['UpdatePlatformDto'];

/** API client that sends requests as the signed-in user. */
export const api = createClient<paths>({ baseUrl: BASE, fetch: (request) => sendAuthorized(request) });

interface Result<T> {
  readonly data?: T;
  readonly error?: unknown;
  readonly response: Response;
}

/**
 * Returns the body of a successful response.
 *
 * @throws {Refused | Unreachable}
 */
export async function ok<T>(call: Promise<Result<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw refusal(response, error);
  return data as T;
}

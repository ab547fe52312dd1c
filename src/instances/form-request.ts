import { type GuardedHttp, type InstanceResponse, NOT_A_PAGE } from './guarded-http.js';
import { failedRequest } from './oauth.errors.js';

/** @throws {OAuthFailed} if there is no response. */
export function postForm(
  http: GuardedHttp,
  url: string,
  fields: Readonly<Record<string, string>>,
  timeoutMs?: number,
): Promise<InstanceResponse> {
  return http
    .request(url, {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields).toString(),
      types: NOT_A_PAGE,
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
    .catch(failedRequest);
}

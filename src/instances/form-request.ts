import { type GuardedHttp, type InstanceResponse, NOT_A_PAGE, type OutgoingRequest } from './guarded-http.js';
import { failedRequest } from './oauth.errors.js';

export function formRequest(fields: Readonly<Record<string, string>>): OutgoingRequest {
  return {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
    types: NOT_A_PAGE,
  };
}

/** @throws {OAuthFailed} if there is no response. */
export function postForm(
  http: GuardedHttp,
  url: string,
  fields: Readonly<Record<string, string>>,
  timeoutMs?: number,
): Promise<InstanceResponse> {
  return http
    .request(url, { ...formRequest(fields), ...(timeoutMs !== undefined && { timeoutMs }) })
    .catch(failedRequest);
}

import { isChallengePage } from './challenge-page.js';
import { DETAILS } from './check-outcome.js';
import { OutgoingRequestError } from './guarded-http.errors.js';
import type { GuardedHttp, InstanceResponse, OutgoingRequest } from './guarded-http.js';
import { InstanceRefused } from './instances.errors.js';

/**
 * Sends a request whose answer shows whether a server has an API.
 *
 * @throws {InstanceRefused} if the answer does not tell.
 */
export async function probe(
  http: GuardedHttp,
  url: string,
  request: OutgoingRequest,
): Promise<InstanceResponse> {
  try {
    const response = await http.request(url, request);
    const { status } = response;
    if (isChallengePage(response)) throw refused('instance_blocks_programs');
    if (status === 429 || (status >= 500 && status !== 501)) throw refused('instance_error');
    return response;
  } catch (error) {
    if (!(error instanceof OutgoingRequestError)) throw error;
    throw new InstanceRefused(error.reason, error.message);
  }
}

function refused(code: 'instance_blocks_programs' | 'instance_error'): InstanceRefused {
  return new InstanceRefused(code, DETAILS[code]);
}

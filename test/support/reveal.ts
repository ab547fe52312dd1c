import type { Person } from './factories.js';
import { TestResponse } from './http-client.js';

/** POST /v1/platforms/:id/credentials past the record of exchanges: there, and only there, secrets belong. */
export async function reveal(
  { client, accessToken }: Pick<Person, 'client' | 'accessToken'>,
  platformId: number,
  reason = 'A test wants them',
  headers: Readonly<Record<string, string>> = {},
): Promise<TestResponse> {
  const started = performance.now();
  const answer = await fetch(`${client.baseUrl}/v1/platforms/${platformId}/credentials`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${accessToken}`, ...headers },
    body: JSON.stringify({ reason }),
    signal: AbortSignal.timeout(20_000),
  });
  return new TestResponse(answer.status, answer.headers, await answer.text(), performance.now() - started);
}

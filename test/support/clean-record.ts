import type { Backends } from './backends.js';
import { waitUntil } from './barrier.js';
import type { HttpClient } from './http-client.js';
import { expectNoSecrets } from './leaks.js';
import { expectDocumentedAnswers } from './openapi.js';

/** One process of a deployment, in this process or in its own, and what was seen of all of them. */
export interface Recorded {
  readonly backends: Backends;
  readonly client: HttpClient;
}

/**
 * Looks at what all apps of the backends have answered, logged and stored: no secret in it, and no answer that the
 * OpenAPI document does not know. Once in each test file, at its end: `Backends.remove()` insists on it.
 */
export async function expectCleanRecord(recorded: Recorded): Promise<void> {
  await whenReady(recorded.client);
  await expectNoSecrets(recorded);
  await expectDocumentedAnswers(recorded);
}

/** The search makes an entry in Redis, which a process that has just lost Redis would not write. */
async function whenReady({ baseUrl }: HttpClient): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    const answer = await fetch(`${baseUrl}/health/ready`);
    return /"status":"ok"/.test(await answer.text());
  };
  await waitUntil(isReady, {
    timeoutMs: 30_000,
    what: 'the process to be ready for the check of its record',
  });
}

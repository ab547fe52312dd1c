import { Unreachable, retryAfterSeconds, toProblem } from './problem.js';

/** Sends a request. Rejects only if there is no response. */
export type Send = (request: Request) => Promise<Response>;

export const IDEMPOTENCY_KEY = 'Idempotency-Key';

/** These may be repeated (RFC 9110, 9.2.2). */
const IDEMPOTENT = ['GET', 'HEAD', 'PUT', 'DELETE'];
const MAX_ATTEMPTS = 5;
const FIRST_PAUSE_MS = 250;

/** Turns every failure to get a response into Unreachable. @param timeoutMs 0 for a stream without an end. */
export function reaching(fetch: Send, timeoutMs: number, onUnreachable: () => void): Send {
  return async (request) => {
    const { signal } = request;
    const within = timeoutMs > 0 ? AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) : signal;
    try {
      return await fetch(new Request(request, { signal: within }));
    } catch (error) {
      if (signal.aborted) throw error;
      onUnreachable();
      throw new Unreachable(error);
    }
  };
}

/**
 * Repeats a request that got no response, or one that says after what time to repeat it: a 503, and the 409 of a POST whose
 * earlier attempt still runs. It does so while that may help before `patienceMs` have passed. A POST is repeated only with an
 * Idempotency-Key, a PATCH never.
 */
export function patient(send: Send, patienceMs: number): Send {
  return async (request) => {
    const { method, headers } = request;
    const isRepeatable = IDEMPOTENT.includes(method) || (method === 'POST' && headers.has(IDEMPOTENCY_KEY));
    if (!isRepeatable || patienceMs <= 0) return send(request);
    const deadline = performance.now() + patienceMs;
    for (let attempt = 1; ; attempt += 1) {
      const next = attempt === MAX_ATTEMPTS ? null : request.clone();
      const result = await send(request).catch((error: unknown) => {
        if (error instanceof Unreachable) return error;
        throw error;
      });
      const pauseMs = await pauseAfter(result, attempt);
      if (next === null || pauseMs === null || performance.now() + pauseMs > deadline) {
        if (result instanceof Unreachable) throw result;
        return result;
      }
      if (!(result instanceof Unreachable)) await result.body?.cancel();
      await pause(pauseMs, request.signal);
      // Not only to stop early: `next` would be sent with a signal that has been aborted.
      request.signal.throwIfAborted();
      request = next;
    }
  };
}

/**
 * Sends a request again after a 403 that asks for a recent sign-in, once `confirm` has confirmed it. Several that are refused
 * at once share one confirmation.
 */
export function confirming(send: Send, confirm: () => Promise<boolean>): Send {
  let asking: Promise<boolean> | null = null;
  return async (request) => {
    const again = request.clone();
    const response = await send(request);
    if (response.status !== 403 || (await codeOf(response)) !== 'recent_sign_in_required') return response;
    asking ??= confirm().finally(() => (asking = null));
    if (!(await asking)) return response;
    await response.body?.cancel();
    return send(again);
  };
}

/** Null if the result is final. */
async function pauseAfter(result: Response | Unreachable, attempt: number): Promise<number | null> {
  if (result instanceof Unreachable) return jittered(FIRST_PAUSE_MS * 2 ** (attempt - 1));
  const seconds = retryAfterSeconds(result);
  if (seconds === null) return null;
  return result.status === 503 || (await isKeyInUse(result)) ? seconds * 1000 : null;
}

async function isKeyInUse(response: Response): Promise<boolean> {
  return response.status === 409 && (await codeOf(response)) === 'idempotency_key_in_use';
}

/** Reads a copy: the body is the caller's. */
async function codeOf(response: Response): Promise<string> {
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => null);
  return toProblem(response, body).code;
}

/** Gives each POST a key, under which the server carries it out once, however often it is sent. */
export function keyed(send: Send): Send {
  return (request) => {
    if (request.method === 'POST' && !request.headers.has(IDEMPOTENCY_KEY))
      request.headers.set(IDEMPOTENCY_KEY, idempotencyKey());
    return send(request);
  };
}

/** Not randomUUID(), which browsers offer over https only. */
export function idempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Spreads the clients that lost the same server. */
export function jittered(ms: number): number {
  return ms * (0.5 + Math.random() / 2);
}

/** Resolves early when the signal is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', settle);
      resolve();
    };
    const timer = setTimeout(settle, ms);
    signal?.addEventListener('abort', settle);
    if (signal?.aborted) settle();
  });
}

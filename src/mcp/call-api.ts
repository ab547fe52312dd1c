import { type IncomingMessage, type RequestOptions, request as overHttp } from 'node:http';

/** A request to the API, as any client sends it. */
export interface ApiRequest {
  readonly method: string;
  /** Path and query, below the base path. */
  readonly path: string;
  /** JSON text; null for none. */
  readonly body: string | null;
  readonly maxBytes: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** The beginning, if it is longer than `maxBytes`. */
  readonly bytes: Buffer;
  readonly isWhole: boolean;
}

/** Sends it with the caller's own credentials. */
export type CallApi = (request: ApiRequest) => Promise<ApiAnswer>;

/** Of one tool. Streams of an instance do not end by themselves. */
export const CALL_TIMEOUT_MS = 60_000;

/** @param connect `request` of node:http or node:https. */
export async function callApi(
  { method, path, body, maxBytes }: ApiRequest,
  options: RequestOptions,
  connect = overHttp,
): Promise<ApiAnswer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = {
      ...options.headers,
      ...(body !== null && {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(body)),
      }),
    };
    connect({ ...options, method, path, headers })
      .once('response', resolve)
      .once('error', reject)
      .end(body ?? undefined);
  });
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    ...(await beginningOf(answer, maxBytes)),
  };
}

async function beginningOf(
  answer: IncomingMessage,
  maxBytes: number,
): Promise<Pick<ApiAnswer, 'bytes' | 'isWhole'>> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      // Leaving the loop ends the request, and with it the one at the instance.
      if (length > maxBytes) break;
    }
  } catch (error) {
    throw new Error('The answer broke off before its end, or took longer than a minute.', { cause: error });
  }
  return { bytes: Buffer.concat(chunks).subarray(0, maxBytes), isWhole: length <= maxBytes };
}

import { Agent, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly cacheStatus: string;
  readonly body: string;
}

const TIMEOUT_MS = 60_000;
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** Node's plain client: a run sends hundreds of thousands of requests, and fetch would be what is measured. */
export function send(
  url: string,
  options: { readonly method?: string; readonly token: string; readonly body?: unknown },
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
    const outgoing = request(
      url,
      {
        agent,
        method: options.method ?? 'GET',
        timeout: TIMEOUT_MS,
        headers: {
          authorization: `Bearer ${options.token}`,
          ...(payload !== undefined && {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
          }),
        },
      },
      (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.on('error', reject);
        incoming.on('end', () =>
          resolve({
            status: incoming.statusCode ?? 0,
            cacheStatus: String(incoming.headers['cache-status'] ?? ''),
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('timeout', () => outgoing.destroy(new Error(`No answer within ${TIMEOUT_MS} ms: ${url}`)));
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

export function closeConnections(): void {
  agent.destroy();
}

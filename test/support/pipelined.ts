import { connect } from 'node:net';

export interface PipelinedRequest {
  readonly path: string;
  readonly accessToken: string;
}

export interface PipelinedAnswer {
  readonly path: string;
  readonly status: number;
  readonly cacheStatus: string | null;
  readonly body: string;
}

const PER_CONNECTION = 50;

/**
 * Thousands of GETs that a server has all at once, over few sockets: each connection writes its requests in one piece
 * and reads the answers in order (RFC 9112, 9.3.2). Node begins to handle all requests of a connection without
 * waiting for the answers before.
 */
export async function pipelined(
  port: number,
  requests: readonly PipelinedRequest[],
  timeoutMs: number,
): Promise<PipelinedAnswer[]> {
  const batches = Array.from({ length: Math.ceil(requests.length / PER_CONNECTION) }, (_, index) =>
    requests.slice(index * PER_CONNECTION, (index + 1) * PER_CONNECTION),
  );
  return (await Promise.all(batches.map((batch) => oneConnection(port, batch, timeoutMs)))).flat();
}

async function oneConnection(
  port: number,
  requests: readonly PipelinedRequest[],
  timeoutMs: number,
): Promise<PipelinedAnswer[]> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const deadline = setTimeout(() => socket.destroy(new Error(`No answer within ${timeoutMs} ms`)), timeoutMs);
  socket.write(requests.map((request) => head(port, request)).join(''));
  const answers: PipelinedAnswer[] = [];
  let unread: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      unread = Buffer.concat([unread, chunk]);
      for (let parsed = parse(unread); parsed !== null; parsed = parse(unread)) {
        answers.push({ path: requests[answers.length]?.path ?? '', ...parsed.answer });
        unread = unread.subarray(parsed.length);
      }
      if (answers.length === requests.length) break;
    }
  } finally {
    clearTimeout(deadline);
    socket.destroy();
  }
  if (answers.length < requests.length) throw new Error('The server closed the connection');
  return answers;
}

function head(port: number, { path, accessToken }: PipelinedRequest): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${accessToken}\r\n\r\n`;
}

function parse(bytes: Buffer): { length: number; answer: Omit<PipelinedAnswer, 'path'> } | null {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const headers = bytes.toString('latin1', 0, headEnd);
  const size = /\r\ncontent-length: (\d+)/i.exec(headers)?.[1];
  if (size === undefined) throw new Error(`An answer without a length: ${headers}`);
  const length = headEnd + 4 + Number(size);
  if (bytes.length < length) return null;
  return {
    length,
    answer: {
      status: Number(headers.slice(9, 12)),
      cacheStatus: /\r\ncache-status: ([^\r]*)/i.exec(headers)?.[1] ?? null,
      body: bytes.toString('utf8', headEnd + 4, length),
    },
  };
}

import type { IncomingMessage } from 'node:http';
import { Transform } from 'node:stream';
import { unparsedBodyOf } from '../http/unparsed-body.js';
import type { ExchangeTimer } from './exchange-timer.js';
import { BodyTooLarge } from './proxy.errors.js';

/** Read before it is sent on, so that it can be sent again with another token. Posts are smaller, media are not. */
export const SMALL_BODY_BYTES = 64 * 1024;

/** A Buffer can be sent again, a stream cannot. Null: there is none. */
export type RequestBody = Buffer | Transform | null;

/**
 * @throws {BodyTooLarge} at once where the headers say so; else the stream fails with it.
 */
export async function bodyOf(
  request: IncomingMessage,
  maxBytes: number,
  timer: ExchangeTimer,
): Promise<RequestBody> {
  const { length } = unparsedBodyOf(request);
  // RFC 9110, section 9.3.1: content of a GET has no meaning.
  if (length === 0 || request.method === 'GET' || request.method === 'HEAD') return null;
  if (length !== null && length > maxBytes) throw new BodyTooLarge(maxBytes);
  const stream = limited(request, maxBytes, timer);
  return length !== null && length <= SMALL_BODY_BYTES ? collected(stream) : stream;
}

function limited(request: IncomingMessage, maxBytes: number, timer: ExchangeTimer): Transform {
  let bytes = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      timer.touch();
      if (bytes > maxBytes) done(new BodyTooLarge(maxBytes));
      else done(null, chunk);
    },
    destroy(error, done) {
      // Not the request itself: its connection has to carry the answer.
      request.unpipe(stream);
      done(error);
    },
  });
  timer.signal.addEventListener('abort', () => stream.destroy(timer.signal.reason as Error), { once: true });
  // The reader of the stream gets the error.
  stream.on('error', () => undefined);
  return request.pipe(stream);
}

async function collected(stream: Transform): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

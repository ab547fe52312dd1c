import { PassThrough } from 'node:stream';
import { InvalidField } from '../common/domain-error.js';
import { BodyTooLarge } from './proxy.errors.js';
import type { ProxiedRequest } from './request-authentication.js';
import { SMALL_BODY_BYTES } from './request-body.js';

const JSON_TYPE = /^application\/json\s*(?:;|$)/i;
// RFC 2046, section 5.1.1, without the characters that would need care in a header.
const BOUNDARY = /^multipart\/form-data\s*;(?:.*;)?\s*boundary=("?)([\w'()+,./:=?-]{1,70})\1\s*(?:;|$)/i;

/**
 * Misskey's endpoints take POST, and the token as the field `i` of the body: only newer versions read it from the header.
 * One that the caller has sent is replaced.
 *
 * @throws {BodyTooLarge | InvalidField} for JSON in which the token has no place.
 */
export function withMisskeyToken(request: ProxiedRequest, accessToken: string): ProxiedRequest {
  if (request.method !== 'POST') return request;
  const type = request.headers['content-type'] ?? 'application/json';
  const boundary = BOUNDARY.exec(type)?.[2];
  if (boundary !== undefined) return withPart(request, boundary, accessToken);
  return JSON_TYPE.test(type) ? withField(request, type, accessToken) : request;
}

function withField(request: ProxiedRequest, type: string, accessToken: string): ProxiedRequest {
  if (request.body !== null && !Buffer.isBuffer(request.body)) throw new BodyTooLarge(SMALL_BODY_BYTES);
  const body = Buffer.from(JSON.stringify({ ...fieldsOf(request.body), i: accessToken }));
  const headers = { ...request.headers, 'content-type': type, 'content-length': String(body.length) };
  return { ...request, headers, body };
}

function fieldsOf(body: Buffer | null): object {
  let fields: unknown = {};
  try {
    if (body !== null) fields = JSON.parse(body.toString());
  } catch {
    throw notAnObject();
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw notAnObject();
  return fields;
}

function notAnObject(): InvalidField {
  return new InvalidField([
    { pointer: '', detail: 'must be a JSON object: at Misskey the token is one of its fields' },
  ]);
}

/** A file: the token goes before it, and the rest is streamed. */
function withPart(request: ProxiedRequest, boundary: string, accessToken: string): ProxiedRequest {
  const part = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="i"\r\n\r\n${accessToken}\r\n`,
  );
  const { 'content-length': length, ...headers } = request.headers;
  const longer = {
    ...headers,
    ...(length !== undefined && { 'content-length': String(Number(length) + part.length) }),
  };
  return { ...request, headers: longer, body: prefixed(request.body, part) };
}

function prefixed(body: ProxiedRequest['body'], part: Buffer): ProxiedRequest['body'] {
  if (body === null || Buffer.isBuffer(body)) return Buffer.concat([part, body ?? Buffer.alloc(0)]);
  const whole = new PassThrough();
  whole.write(part);
  body.on('error', (error) => whole.destroy(error));
  return body.pipe(whole);
}

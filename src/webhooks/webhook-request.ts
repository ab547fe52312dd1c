import type { IncomingMessage } from 'node:http';
import { Injectable } from '@nestjs/common';
import { Webhook } from 'standardwebhooks';
import { Clock } from '../common/clock.js';
import { AppConfig } from '../config/app-config.js';
import { BlockedAddress, InstanceTimeout, OutgoingRequestError } from '../instances/guarded-http.errors.js';
import { InstanceTransport } from '../instances/instance-transport.js';
import type { SecretPair } from './webhook-secrets.js';

/** Of an answer that is kept. */
const ANSWER_BYTES = 1024;

export interface OutgoingMessage {
  readonly url: string;
  readonly messageId: string;
  readonly payload: string;
  readonly secrets: SecretPair;
}

/** What came of sending a message once. */
export interface Attempt {
  /** Null if there was no answer. */
  readonly status: number | null;
  /** The first kilobyte, as text. */
  readonly body: string | null;
  /** Why there was no answer. */
  readonly error: string | null;
  /** Seconds, from Retry-After. */
  readonly retryAfterSeconds: number | null;
}

/** Sends a message to a webhook: signed as Standard Webhooks wants it, only to where instances may be, no redirects. */
@Injectable()
export class WebhookRequest {
  constructor(
    private readonly transport: InstanceTransport,
    private readonly clock: Clock,
    private readonly config: AppConfig,
  ) {}

  /** @throws the reason of `stop`. */
  async send({ url, messageId, payload, secrets }: OutgoingMessage, stop: AbortSignal): Promise<Attempt> {
    const { origin, pathname, search } = new URL(url);
    const late = AbortSignal.timeout(this.config.instanceTimeoutMs);
    const body = Buffer.from(payload);
    try {
      const answer = await this.transport.send({
        method: 'POST',
        origin,
        target: pathname + search,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': body.length,
          ...this.signature(messageId, payload, secrets),
        },
        body,
        signal: AbortSignal.any([late, stop]),
      });
      return await answered(answer);
    } catch (error) {
      stop.throwIfAborted();
      return {
        status: null,
        body: null,
        error: reasonOf(late.aborted ? new InstanceTimeout() : error),
        retryAfterSeconds: null,
      };
    }
  }

  private signature(id: string, payload: string, { current, previous }: SecretPair): Record<string, string> {
    const at = this.clock.now();
    const secrets = previous === null ? [current] : [current, previous];
    return {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, payload)).join(' '),
    };
  }
}

async function answered(answer: IncomingMessage): Promise<Attempt> {
  const status = answer.statusCode ?? 0;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= ANSWER_BYTES) break;
    }
  } catch (error) {
    // The receiver has said what became of the message. Whether it also ends its answer well is its own matter.
    if (status === 0) throw error;
  } finally {
    answer.destroy();
  }
  const seconds = Number(answer.headers['retry-after']);
  return {
    status,
    body: textOf(Buffer.concat(chunks).subarray(0, ANSWER_BYTES)),
    error: null,
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
  };
}

/** PostgreSQL keeps no zero bytes, and nobody wants control characters of a stranger in a terminal. */
function textOf(bytes: Buffer): string {
  // eslint-disable-next-line no-control-regex
  return bytes.toString('utf8').replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}

/** Without names, addresses and codes of the network, as everywhere. */
function reasonOf(error: unknown): string {
  if (error instanceof BlockedAddress) return error.message;
  if (error instanceof InstanceTimeout) return 'The receiver did not answer in time.';
  if (error instanceof OutgoingRequestError) {
    return error.reason === 'instance_error'
      ? 'The answer is not valid HTTP.'
      : 'The receiver cannot be reached.';
  }
  throw error;
}

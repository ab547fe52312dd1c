import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { DomainError } from '../common/domain-error.js';
import { AppConfig } from '../config/app-config.js';
import { dataHeaders } from '../http/hardening.js';
import type { ExchangeTimer } from './exchange-timer.js';
import { answerHeaders, assertPlain } from './proxied-headers.js';
import { PROXY_STATUS, received } from './proxy-status.js';
import { InstanceFailed } from './proxy.errors.js';
import type { TokenGuard } from './token-guard.js';

// What an instance sends is not ours, but it comes from our origin. Without a page of its own it can do nothing there.
const HARMLESS = {
  'cache-control': 'no-store',
  'content-security-policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

const INCOMPLETE = 'The instance closed the connection before its answer was complete.';

interface Answer {
  readonly incoming: IncomingMessage;
  /** What was asked, at the instance. */
  readonly from: URL;
  /** Of our own paths to this instance. */
  readonly prefix: string;
  readonly guard: TokenGuard;
  readonly timer: ExchangeTimer;
}

/** Passes an instance's answer on to the caller. */
@Injectable()
export class AnswerRelay {
  readonly #ownHeaders: Readonly<Record<string, string>>;
  readonly #maxBytes: number;

  constructor(config: AppConfig) {
    this.#ownHeaders = { ...Object.fromEntries(dataHeaders(config.production)), ...HARMLESS };
    this.#maxBytes = config.proxy.bodyLimitBytes;
  }

  /**
   * Sends the headers together with the first bytes of the body, so that what is found in them can still be an error. What
   * fails later cuts the connection: the caller must not take the part for the whole.
   *
   * @throws {CredentialEchoed | InstanceFailed} or the reason of the timer's signal. `reply.sent` says whether it is too late for an answer.
   */
  async send(answer: Answer, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { incoming, guard, timer } = answer;
    const { raw } = reply;
    try {
      assertPlain(incoming.headers);
      const headers = answerHeaders(incoming, answer.from, answer.prefix);
      for (const [name, value] of headers) guard.assertAbsentIn(`${name}: ${value}`);
      const begin = (): void => this.begin(incoming, headers, request, reply);
      let bytes = 0;
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        timer.touch();
        bytes += chunk.length;
        if (bytes > this.#maxBytes)
          throw new InstanceFailed('http_response_body_size', 'The answer of the instance is too large.');
        await write(raw, guard.pass(chunk), begin, timer.signal);
      }
      await write(raw, guard.rest(), begin, timer.signal);
      if (!raw.headersSent) begin();
      raw.end();
    } catch (error) {
      incoming.destroy();
      if (raw.headersSent) raw.destroy();
      if (timer.signal.aborted) throw timer.signal.reason;
      throw isBroken(error) ? new InstanceFailed('http_response_incomplete', INCOMPLETE) : error;
    }
  }

  private begin(
    incoming: IncomingMessage,
    passed: ReadonlyMap<string, string>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const status = incoming.statusCode ?? 502;
    // Set by hooks: our own rate limits, CORS.
    const own = Object.entries(reply.getHeaders()) as [string, string][];
    // Two limits in one set of headers would be neither.
    const hasLimits = [...passed.keys()].some((name) => name.startsWith('ratelimit'));
    const headers = new Map([
      ...own.filter(([name]) => !(hasLimits && name.startsWith('ratelimit'))),
      ...passed,
      ...Object.entries(this.#ownHeaders),
      ['x-request-id', request.id],
      [PROXY_STATUS.toLowerCase(), received(status)],
    ]);
    reply.raw.writeHead(status, Object.fromEntries(headers));
    // Not earlier: if writeHead refuses a header, the request can still be answered with an error.
    reply.hijack();
  }
}

/** Node says in many ways that a connection broke, each with a code. */
function isBroken(error: unknown): boolean {
  return error instanceof Error && !(error instanceof DomainError) && 'code' in error;
}

async function write(
  raw: ServerResponse,
  bytes: Buffer,
  begin: () => void,
  signal: AbortSignal,
): Promise<void> {
  if (bytes.length === 0) return;
  if (!raw.headersSent) begin();
  if (!raw.write(bytes)) await once(raw, 'drain', { signal });
}

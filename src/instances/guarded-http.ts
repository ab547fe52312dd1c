import type { LookupAddress } from 'node:dns';
import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction, TcpNetConnectOpts } from 'node:net';
import {
  BlockedAddress,
  InstanceTimeout,
  InstanceUnreachable,
  OutgoingRequestError,
  UnusableResponse,
} from './guarded-http.errors.js';
import type { Resolve } from './host-names.js';
import { OutgoingAddresses } from './outgoing-address.js';
import { redirectTarget } from './redirects.js';

const DEFAULT_TIMEOUT_MS = 10_000;
/** How long to try one address before the next. */
export const ADDRESS_TIMEOUT_MS = 2500;
export const MAX_HEADER_BYTES = 16 * 1024;
/** An address of a picture leads to object storage by one redirect, or by one more to https or to a slash. */
const MAX_REDIRECTS = 2;

/** Which response body to read: its Content-Type must match `types`, and it must not exceed `maxBytes`. */
export interface WantedBody {
  readonly accept: string;
  readonly types: RegExp;
  readonly maxBytes: number;
}

const JSON_BODY: WantedBody = {
  accept: 'application/json',
  types: /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i,
  maxBytes: 512 * 1024,
};

/** Any document but a page for browsers. Static files often have the wrong Content-Type, or none. */
export const NOT_A_PAGE = /^(?!\s*(?:text\/html|application\/xhtml))/i;

export interface GuardedHttpOptions {
  readonly allowlist: ReadonlySet<string>;
  readonly userAgent: string;
  /** Milliseconds for a whole exchange: DNS, connection, headers and body. */
  readonly timeoutMs?: number;
  readonly resolve?: Resolve;
  /** PEM certificates to trust instead of the system's. */
  readonly ca?: string;
}

export interface OutgoingRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Content-Types whose body is read; JSON if not given. */
  readonly types?: RegExp;
  /** Milliseconds; shortens the client's own deadline, never lengthens it. */
  readonly timeoutMs?: number;
}

interface RawResponse {
  readonly status: number;
  /** Without Content-Type if an error has no body. */
  readonly headers: IncomingHttpHeaders;
  /** Null if its type was not wanted; the body is then not read. */
  readonly body: Buffer | null;
}

export interface InstanceResponse extends Omit<RawResponse, 'body'> {
  /** The body, without a byte order mark, if its Content-Type is wanted; otherwise null, and the body is not read. */
  readonly jsonText: string | null;
  /** Milliseconds from the request to the end of the response. */
  readonly latencyMs: number;
}

/**
 * The only client for requests to instances. It connects only to public addresses, over https, on port 443, except for
 * hosts in INSTANCE_HOST_ALLOWLIST. It follows no redirects, and limits the time, the headers and the body.
 */
export class GuardedHttp {
  readonly #addresses: OutgoingAddresses;
  readonly #publicAddresses: OutgoingAddresses;

  constructor(private readonly options: GuardedHttpOptions) {
    this.#addresses = new OutgoingAddresses(options.allowlist, options.resolve);
    this.#publicAddresses = new OutgoingAddresses(new Set(), options.resolve);
  }

  /**
   * Returns any HTTP status, including redirects and errors.
   *
   * @throws {BlockedAddress | InstanceUnreachable | InstanceTimeout | UnusableResponse}
   */
  async request(address: string | URL, request: OutgoingRequest = {}): Promise<InstanceResponse> {
    const started = performance.now();
    const wanted = { ...JSON_BODY, types: request.types ?? JSON_BODY.types };
    const { body, ...response } = await this.exchange(address, this.#addresses, request, wanted);
    const latencyMs = Math.round(performance.now() - started);
    return { ...response, jsonText: body && new TextDecoder().decode(body), latencyMs };
  }

  /**
   * Downloads a non-JSON body from an address that an instance supplied. Follows a few redirects, because pictures often
   * lie in object storage; each address is checked like the first one.
   *
   * @param origin the origin of that instance. INSTANCE_HOST_ALLOWLIST applies only there: it lists hosts to use as
   *   instances, and another instance must not be able to make us request paths on them.
   * @throws {BlockedAddress | InstanceUnreachable | InstanceTimeout | UnusableResponse}
   */
  async download(address: string, origin: string, wanted: WantedBody): Promise<RawResponse> {
    const until = performance.now() + (this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    let url = parse(address);
    for (let redirects = 0; ; redirects += 1) {
      const allowed = url.origin === origin ? this.#addresses : this.#publicAddresses;
      const timeoutMs = Math.max(until - performance.now(), 0);
      const response = await this.exchange(url, allowed, { timeoutMs }, wanted);
      const next = redirectTarget(response, url);
      if (next === null || redirects === MAX_REDIRECTS) return response;
      url = next;
    }
  }

  private async exchange(
    address: string | URL,
    allowed: OutgoingAddresses,
    request: OutgoingRequest,
    wanted: WantedBody,
  ): Promise<RawResponse> {
    const url = parse(address);
    const ownMs = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const deadline = new Deadline(Math.min(ownMs, request.timeoutMs ?? ownMs));
    try {
      const addresses = await deadline.bound(allowed.of(url));
      return await deadline.bound(this.send(url, addresses, request, wanted, deadline));
    } finally {
      deadline.clear();
    }
  }

  private send(
    url: URL,
    addresses: readonly LookupAddress[],
    { method = 'GET', headers, body }: OutgoingRequest,
    wanted: WantedBody,
    deadline: Deadline,
  ): Promise<RawResponse> {
    return new Promise((resolve, reject) => {
      const options: https.RequestOptions & Pick<TcpNetConnectOpts, 'autoSelectFamilyAttemptTimeout'> = {
        method,
        // No keep-alive: each connection serves one request, to an address checked for that request.
        agent: false,
        lookup: pinned(addresses),
        // How long to try one address before the next. An intercontinental handshake can exceed Node's default of 250 ms.
        autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        headers: {
          Accept: wanted.accept,
          'Accept-Encoding': 'identity',
          'User-Agent': this.options.userAgent,
          ...headers,
          ...(body !== undefined && { 'Content-Length': String(Buffer.byteLength(body)) }),
        },
        ...(this.options.ca !== undefined && { ca: this.options.ca }),
      };
      const outgoing = (url.protocol === 'https:' ? https : http).request(url, options);
      deadline.onExpiry(() => outgoing.destroy());
      outgoing.on('error', (error) => reject(translated(error)));
      outgoing.on('response', (incoming) => {
        const response = readResponse(incoming, outgoing, wanted);
        response.then(resolve, (error: unknown) => reject(translated(error)));
      });
      outgoing.end(body);
    });
  }
}

function parse(address: string | URL): URL {
  try {
    return new URL(address);
  } catch {
    throw new BlockedAddress();
  }
}

/** A lookup function that returns only the checked addresses, so Node connects to no other. */
function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
}

async function readResponse(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  { types, maxBytes }: WantedBody,
): Promise<RawResponse> {
  const { statusCode: status = 0, headers } = incoming;
  // Without a listener, an error in the unread part of the body would crash the process.
  incoming.on('error', () => undefined);
  const isRedirect = status >= 300 && status < 400;
  if (isRedirect || !types.test(headers['content-type'] ?? '')) {
    const isEmpty = status >= 400 && (await endsAtOnce(incoming));
    outgoing.destroy();
    // snac says text/html of refusals without a body. An empty body is of no type, and no page.
    return { status, headers: isEmpty ? { ...headers, 'content-type': undefined } : headers, body: null };
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    outgoing.destroy();
    throw new UnusableResponse();
  }
  const tooLarge = (): UnusableResponse => {
    outgoing.destroy();
    return new UnusableResponse('The instance sent a response that is too large.');
  };
  if (Number(headers['content-length']) > maxBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return { status, headers, body: Buffer.concat(chunks) };
}

async function endsAtOnce(incoming: IncomingMessage): Promise<boolean> {
  const { done } = await (incoming as AsyncIterable<Buffer>)[Symbol.asyncIterator]().next();
  return done === true;
}

/** What an error of Node's HTTP client means. */
export function translated(error: unknown): Error {
  if (error instanceof OutgoingRequestError) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  // Node's HTTP parser rejected the response: its headers are too large, or it is not HTTP.
  return code.startsWith('HPE_') ? new UnusableResponse() : new InstanceUnreachable();
}

/** One time limit for several steps. */
class Deadline {
  readonly #timer: NodeJS.Timeout;
  readonly #expired: Promise<never>;
  #abort: () => void = () => undefined;

  constructor(timeoutMs: number) {
    let expire: (error: Error) => void;
    this.#expired = new Promise((_, reject) => (expire = reject));
    // The timer may fire between two steps, when nothing awaits this promise.
    this.#expired.catch(() => undefined);
    this.#timer = setTimeout(() => {
      expire(new InstanceTimeout());
      this.#abort();
    }, timeoutMs);
  }

  bound<T>(step: Promise<T>): Promise<T> {
    return Promise.race([step, this.#expired]);
  }

  onExpiry(abort: () => void): void {
    this.#abort = abort;
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

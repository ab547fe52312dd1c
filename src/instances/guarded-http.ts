import type { LookupAddress } from 'node:dns';
import http, { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { LookupFunction, TcpNetConnectOpts } from 'node:net';
import {
  BlockedAddress,
  InstanceTimeout,
  InstanceUnreachable,
  OutgoingRequestError,
  UnusableAnswer,
} from './guarded-http.errors.js';
import type { Resolve } from './host-names.js';
import { OutgoingAddresses } from './outgoing-address.js';

const DEFAULT_TIMEOUT_MS = 10_000;
const ADDRESS_TIMEOUT_MS = 2500;
const MAX_HEADER_BYTES = 16 * 1024;

/** What is read of an answer: a body that is declared to be of one of the types, up to so many bytes. */
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

export interface GuardedHttpOptions {
  readonly allowlist: ReadonlySet<string>;
  readonly userAgent: string;
  /** Milliseconds for a whole exchange: name, connection, headers and body. */
  readonly timeoutMs?: number;
  readonly resolve?: Resolve;
  /** Certificates to trust instead of the system's, in PEM. */
  readonly ca?: string;
}

export interface OutgoingRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds; shortens the client's own deadline, never lengthens it. */
  readonly timeoutMs?: number;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Null when it is none that is wanted; it is not read then. */
  readonly body: Buffer | null;
}

export interface InstanceResponse extends Omit<Answer, 'body'> {
  /** The body when it is declared to be JSON; anything else is not read. */
  readonly jsonText: string | null;
  /** Milliseconds from the request to the end of the answer. */
  readonly latencyMs: number;
}

/**
 * The only way out to instances. Public addresses, https and port 443 only, except for hosts of
 * INSTANCE_HOST_ALLOWLIST; no redirect is followed; time, headers and body are bounded.
 */
export class GuardedHttp {
  readonly #addresses: OutgoingAddresses;
  readonly #publicAddresses: OutgoingAddresses;

  constructor(private readonly options: GuardedHttpOptions) {
    this.#addresses = new OutgoingAddresses(options.allowlist, options.resolve);
    this.#publicAddresses = new OutgoingAddresses(new Set(), options.resolve);
  }

  /**
   * Any HTTP status is an answer, redirects too.
   *
   * @throws {BlockedAddress | InstanceUnreachable | InstanceTimeout | UnusableAnswer}
   */
  async request(address: string | URL, request: OutgoingRequest = {}): Promise<InstanceResponse> {
    const started = performance.now();
    const { body, ...answer } = await this.exchange(address, this.#addresses, request, JSON_BODY);
    const latencyMs = Math.round(performance.now() - started);
    return { ...answer, jsonText: body?.toString('utf8') ?? null, latencyMs };
  }

  /**
   * For what is not JSON, at an address that an instance has given.
   *
   * @param origin the instance's. Elsewhere INSTANCE_HOST_ALLOWLIST does not apply: it names hosts to be asked as
   *   instances, not hosts of which an instance may have any path asked for.
   * @throws {BlockedAddress | InstanceUnreachable | InstanceTimeout | UnusableAnswer}
   */
  download(address: string, origin: string, wanted: WantedBody): Promise<Answer> {
    const isOwn = parse(address).origin === origin;
    return this.exchange(address, isOwn ? this.#addresses : this.#publicAddresses, {}, wanted);
  }

  private async exchange(
    address: string | URL,
    allowed: OutgoingAddresses,
    request: OutgoingRequest,
    wanted: WantedBody,
  ): Promise<Answer> {
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
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const options: https.RequestOptions & Pick<TcpNetConnectOpts, 'autoSelectFamilyAttemptTimeout'> = {
        method,
        // None is kept: a connection serves one request, to an address that was checked for it.
        agent: false,
        lookup: pinned(addresses),
        // Of one address before the next is tried. Node's 250 ms are less than a handshake across the world takes.
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
        const answer = readAnswer(incoming, outgoing, wanted);
        answer.then(resolve, (error: unknown) => reject(translated(error)));
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

/** Node asks this instead of DNS, and connects to nothing else. */
function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  return (_hostname, options, callback) => {
    const [first] = addresses;
    if (options.all === true) callback(null, [...addresses]);
    else callback(null, first?.address ?? '', first?.family);
  };
}

async function readAnswer(
  incoming: IncomingMessage,
  outgoing: ClientRequest,
  { types, maxBytes }: WantedBody,
): Promise<Answer> {
  const { statusCode: status = 0, headers } = incoming;
  // An error of the unread rest is of no interest, and would end the process if nobody listened.
  incoming.on('error', () => undefined);
  if (!types.test(headers['content-type'] ?? '') || (status >= 300 && status < 400)) {
    outgoing.destroy();
    return { status, headers, body: null };
  }
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    outgoing.destroy();
    throw new UnusableAnswer();
  }
  const tooLarge = (): UnusableAnswer => {
    outgoing.destroy();
    return new UnusableAnswer('The instance gave an answer that is too large.');
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

function translated(error: unknown): Error {
  if (error instanceof OutgoingRequestError) return error;
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  // What Node's HTTP parser refuses: too many header bytes, or no HTTP at all.
  return code.startsWith('HPE_') ? new UnusableAnswer() : new InstanceUnreachable();
}

/** One time limit over several steps. */
class Deadline {
  readonly #timer: NodeJS.Timeout;
  readonly #expired: Promise<never>;
  #abort: () => void = () => undefined;

  constructor(timeoutMs: number) {
    let expire: (error: Error) => void;
    this.#expired = new Promise((_, reject) => (expire = reject));
    // Nobody may be waiting at the moment when it fires.
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

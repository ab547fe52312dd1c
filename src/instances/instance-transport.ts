import http, { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import https from 'node:https';
import { type LookupFunction, type TcpNetConnectOpts, isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { InstanceUnreachable } from './guarded-http.errors.js';
import { ADDRESS_TIMEOUT_MS, type GuardedHttpOptions, MAX_HEADER_BYTES, translated } from './guarded-http.js';
import { OutgoingAddresses } from './outgoing-address.js';

/** Servers commonly close an idle connection after five seconds or more. */
const IDLE_MS = 4000;
/** As many as an instance gets at the same time by default: fewer would be closed and opened again under load. */
const MAX_IDLE_PER_INSTANCE = 20;
/** May be sent again on another connection if the one that was kept is closing. */
const REPEATABLE: ReadonlySet<string> = new Set(['GET', 'HEAD']);

export interface OutgoingExchange {
  readonly method: string;
  /** Scheme, host and port of the instance. */
  readonly origin: string;
  /** Path and query, sent as they are. */
  readonly target: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Readable | Buffer | null;
  /** Ends the exchange at any time, also while the response is read. Its reason is what the caller gets. */
  readonly signal: AbortSignal;
}

interface Agents {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

function agents(options: https.AgentOptions): Agents {
  return { http: new http.Agent(options), https: new https.Agent(options) };
}

/**
 * Sends requests of callers to instances, and streams both bodies. It connects to the same addresses as GuardedHttp, and
 * follows no redirect either. Deadlines are the caller's, who knows how large the bodies are.
 */
export class InstanceTransport {
  readonly #addresses: OutgoingAddresses;
  readonly #kept: Agents;
  readonly #fresh: Agents;

  constructor(private readonly options: GuardedHttpOptions) {
    this.#addresses = new OutgoingAddresses(options.allowlist, options.resolve);
    this.#kept = agents({ keepAlive: true, timeout: IDLE_MS, maxFreeSockets: MAX_IDLE_PER_INSTANCE });
    // Without Connection: close, after which servers that answer an upload early reset it before the answer is read.
    this.#fresh = agents({ keepAlive: true, maxFreeSockets: 0 });
  }

  /**
   * @returns the response, as soon as its headers are there.
   * @throws {BlockedAddress | InstanceUnreachable | UnusableResponse}, or the reason of the signal, or an error of the body.
   */
  async send(exchange: OutgoingExchange): Promise<IncomingMessage> {
    const url = new URL(exchange.origin);
    // Node looks up names only, so an address is checked here.
    if (isIP(url.hostname.replace(/^\[|\]$/g, '')) > 0) await this.#addresses.of(url);
    const mayRepeat = REPEATABLE.has(exchange.method);
    try {
      return await this.attempt(url, exchange, mayRepeat);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      return await this.attempt(url, exchange, false);
    }
  }

  close(): void {
    for (const each of [this.#kept, this.#fresh]) {
      each.http.destroy();
      each.https.destroy();
    }
  }

  /**
   * @param kept whether it may use a connection of an earlier request. A write never does: the instance may be closing it,
   *   and whether the write was carried out would then be unknown.
   */
  private attempt(url: URL, exchange: OutgoingExchange, kept: boolean): Promise<IncomingMessage> {
    const { method, target, headers, body, signal } = exchange;
    signal.throwIfAborted();
    const isSecure = url.protocol === 'https:';
    return new Promise((resolve, reject) => {
      const options: https.RequestOptions & Pick<TcpNetConnectOpts, 'autoSelectFamilyAttemptTimeout'> = {
        method,
        path: target,
        agent: (kept ? this.#kept : this.#fresh)[isSecure ? 'https' : 'http'],
        lookup: this.checkedLookup(url),
        autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
        maxHeaderSize: MAX_HEADER_BYTES,
        headers: { ...headers, 'User-Agent': this.options.userAgent, 'Accept-Encoding': 'identity' },
        signal,
        ...(this.options.ca !== undefined && { ca: this.options.ca }),
      };
      const outgoing = (isSecure ? https : http).request(url, options);
      let isAnswered = false;
      outgoing.on('response', (answer) => {
        isAnswered = true;
        resolve(answer);
      });
      outgoing.on('error', (error) =>
        reject(signal.aborted ? (signal.reason as Error) : failure(error, outgoing)),
      );
      // After an answer that is none, such as 101, there is no error.
      outgoing.on('close', () => {
        if (!isAnswered) reject(new InstanceUnreachable());
      });
      if (body === null || Buffer.isBuffer(body)) outgoing.end(body ?? undefined);
      else
        body
          .on('error', (error) => {
            reject(error);
            outgoing.destroy();
          })
          .pipe(outgoing);
    });
  }

  /** Runs when a connection is made, and returns only addresses that may be connected to. */
  private checkedLookup(url: URL): LookupFunction {
    return (_hostname, { all }, callback) => {
      this.#addresses.of(url).then(
        (addresses) => {
          const [first] = addresses;
          if (all === true) callback(null, [...addresses]);
          else callback(null, first?.address ?? '', first?.family);
        },
        (error: unknown) => callback(error as Error, []),
      );
    };
  }
}

/** The instance closed a kept connection before it answered. */
class StaleConnection extends InstanceUnreachable {}

function failure(error: Error, outgoing: ClientRequest): Error {
  const isReset = 'code' in error && error.code === 'ECONNRESET';
  return outgoing.reusedSocket && isReset ? new StaleConnection() : translated(error);
}

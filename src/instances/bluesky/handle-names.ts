import { Resolver } from 'node:dns/promises';
import { Injectable } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { OutgoingRequestError } from '../guarded-http.errors.js';
import { GuardedHttp, NOT_A_PAGE } from '../guarded-http.js';

const HTTP_TIMEOUT_MS = 3000;
/** The first try waits this long, the second twice as long, as for the addresses of instances. */
const DNS_TIMEOUT_MS = 1500;
const DNS_TRIES = 2;
const DID = /^did:(?:plc:[a-z2-7]{24}|web:[a-zA-Z0-9.%:_-]{1,250})$/;

export type Did = `did:plc:${string}` | `did:web:${string}`;

export function isDid(text: string): text is Did {
  return DID.test(text);
}

/**
 * Resolves handles of the AT Protocol (atproto.com/specs/handle): by the file on the handle's own host, then by its TXT
 * record. Most handles have a wildcard host with the file; people's own domains mostly have the record.
 */
@Injectable()
export class HandleNames {
  readonly #nameServers: readonly string[];

  constructor(
    private readonly http: GuardedHttp,
    { bluesky }: AppConfig,
  ) {
    this.#nameServers = bluesky.nameServers;
  }

  /** Null if the handle leads to no account. */
  async resolve(handle: string): Promise<Did | null> {
    return (await this.byHttp(handle)) ?? (await this.byDns(handle));
  }

  private async byHttp(handle: string): Promise<Did | null> {
    try {
      const { status, jsonText } = await this.http.request(`https://${handle}/.well-known/atproto-did`, {
        types: NOT_A_PAGE,
        timeoutMs: HTTP_TIMEOUT_MS,
        headers: { Accept: 'text/plain' },
      });
      const did = jsonText?.slice(0, 300).trim() ?? '';
      return status === 200 && isDid(did) ? did : null;
    } catch (error) {
      // A handle is often a name without a web server.
      if (error instanceof OutgoingRequestError) return null;
      throw error;
    }
  }

  private async byDns(handle: string): Promise<Did | null> {
    const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: DNS_TRIES });
    if (this.#nameServers.length > 0) resolver.setServers(this.#nameServers);
    const [records] = await Promise.allSettled([resolver.resolveTxt(`_atproto.${handle}`)]);
    if (records.status === 'rejected') return null;
    const texts = records.value.map((parts) => parts.join('')).filter((text) => text.startsWith('did='));
    // Two records contradict each other, so the specification has both ignored.
    const did = texts.length === 1 ? (texts[0]?.slice('did='.length) ?? '') : '';
    return isDid(did) ? did : null;
  }
}

import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OutgoingRequestError, UnusableAnswer } from '../instances/guarded-http.errors.js';
import { GuardedHttp, type WantedBody } from '../instances/guarded-http.js';

const MAX_PICTURES = 200;
const MAX_BYTES = 32 * 1024 * 1024;
const KEPT_MS = 3_600_000;

/** No SVG: that is a document, which can hold scripts and ask for other files. */
export const PICTURE_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'] as const;
type PictureType = (typeof PICTURE_TYPES)[number];

const PICTURE: WantedBody = {
  accept: PICTURE_TYPES.join(', '),
  types: /^image\/(?:png|jpeg|gif|webp)\s*(?:;|$)/i,
  maxBytes: 1024 * 1024,
};

export interface Picture {
  readonly type: PictureType;
  readonly bytes: Buffer;
  /** Entity tag, quotes included. */
  readonly etag: string;
}

interface Source {
  readonly url: string;
  readonly origin: string;
}

/** Pictures that instances name, each asked for once at a time and kept for a while by its address and instance. */
@Injectable()
export class Pictures {
  readonly #pictures: LRUCache<string, Picture, Source>;

  constructor(http: GuardedHttp) {
    this.#pictures = new LRUCache<string, Picture, Source>({
      max: MAX_PICTURES,
      maxSize: MAX_BYTES,
      sizeCalculation: ({ bytes }) => bytes.length,
      ttl: KEPT_MS,
      // Others may push it out while it is on its way; whoever waits for it gets it all the same.
      ignoreFetchAbort: true,
      fetchMethod: async (_key, _stale, { context: { url, origin } }): Promise<Picture> => {
        const { status, body } = await http.download(url, origin, PICTURE);
        const type = status === 200 && body !== null ? typeOf(body) : null;
        if (body === null || type === null) throw new UnusableAnswer();
        return { type, bytes: body, etag: `"${hash('sha256', body, 'base64url')}"` };
      },
    });
  }

  /**
   * Null when it cannot be had, for whatever reason, or is no picture.
   *
   * @param origin of the instance that names it: another one may not be allowed to.
   */
  async at(url: string, origin: string): Promise<Picture | null> {
    try {
      return (await this.#pictures.fetch(`${origin} ${url}`, { context: { url, origin } })) ?? null;
    } catch (error) {
      if (error instanceof OutgoingRequestError) return null;
      throw error;
    }
  }
}

/** By its first bytes, for what an instance declares may be anything. */
function typeOf(bytes: Buffer): PictureType | null {
  const first = bytes.toString('latin1', 0, 12);
  if (first.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (first.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (/^GIF8[79]a/.test(first)) return 'image/gif';
  return /^RIFF[^]{4}WEBP$/.test(first) ? 'image/webp' : null;
}

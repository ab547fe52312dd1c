import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { OutgoingRequestError, UnusableResponse } from '../instances/guarded-http.errors.js';
import { GuardedHttp, type WantedBody } from '../instances/guarded-http.js';

const MAX_PICTURES = 200;
const MAX_BYTES = 32 * 1024 * 1024;
const TTL_MS = 3_600_000;

/** No SVG: an SVG document can contain scripts and load other files. */
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

/** Fetches pictures from instances and caches them by instance and address. Concurrent callers share one request. */
@Injectable()
export class Pictures {
  readonly #pictures: LRUCache<string, Picture, Source>;

  constructor(http: GuardedHttp) {
    this.#pictures = new LRUCache<string, Picture, Source>({
      max: MAX_PICTURES,
      maxSize: MAX_BYTES,
      sizeCalculation: ({ bytes }) => bytes.length,
      ttl: TTL_MS,
      // Another entry may evict this one while it is being fetched. Its callers still get the picture.
      ignoreFetchAbort: true,
      fetchMethod: async (_key, _stale, { context: { url, origin } }): Promise<Picture> => {
        const { status, body } = await http.download(url, origin, PICTURE);
        const type = status === 200 && body !== null ? typeOf(body) : null;
        if (body === null || type === null) throw new UnusableResponse();
        return { type, bytes: body, etag: `"${hash('sha256', body, 'base64url')}"` };
      },
    });
  }

  /**
   * Null if the fetch fails or the body is not a picture.
   *
   * @param origin origin of the instance that supplied the address. Part of the cache key, because which addresses may be
   *   fetched depends on it.
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

/** Detected from the first bytes, because an instance can declare any type. */
function typeOf(bytes: Buffer): PictureType | null {
  const first = bytes.toString('latin1', 0, 12);
  if (first.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (first.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (/^GIF8[79]a/.test(first)) return 'image/gif';
  return /^RIFF[^]{4}WEBP$/.test(first) ? 'image/webp' : null;
}

import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CacheRead } from '../cache/cache-read.js';
import { CachedReply } from '../cache/cached-reply.js';
import { type PlatformView, etagOf } from './platform-view.js';
import { NoPlatforms, PlatformNotFound } from './platforms.errors.js';
import { PlatformsService } from './platforms.service.js';

/** Cached reads as they are answered: the text from the store, its entity tag, or the error of what is not there. */
@Injectable()
export class PlatformReplies {
  /** By decoded value, which the cache keeps for as long as the stored text is the same: hashed once, not once a request. */
  readonly #listTags = new WeakMap<readonly PlatformView[], string>();

  constructor(private readonly platforms: PlatformsService) {}

  list(userId: number): Promise<CachedReply> {
    return this.platforms.list(userId).then(this.#listed);
  }

  readonly #listed = (read: CacheRead<readonly PlatformView[]>): CachedReply => this.listed(read);

  /** Of any list. A list has no version; its tag is of its text, so that also what comes and goes changes it. */
  listed(read: CacheRead<readonly PlatformView[]>): CachedReply {
    let tag = this.#listTags.get(read.value);
    if (tag === undefined) {
      tag = `"${hash('sha256', read.raw, 'base64url')}"`;
      this.#listTags.set(read.value, tag);
    }
    return new CachedReply(read, read.raw, tag);
  }

  async default(userId: number): Promise<CachedReply> {
    const read = await this.platforms.list(userId);
    const [first] = read.value;
    if (first === undefined) return new CachedReply(read, new NoPlatforms());
    // With the id: another connection may be the default next time, at the same version.
    return new CachedReply(read, JSON.stringify(first), `"${first.id}-${first.version}"`);
  }

  /** Another user's connection and an absent one are the same. */
  async one(userId: number, id: number): Promise<CachedReply> {
    const read = await this.platforms.find(id);
    const platform = read.value;
    if (platform === null || platform.view.userId !== userId)
      return new CachedReply(read, new PlatformNotFound());
    return new CachedReply(read, platform.body, etagOf(platform.view));
  }
}

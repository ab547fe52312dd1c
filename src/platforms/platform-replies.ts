import { Injectable } from '@nestjs/common';
import { CachedReply } from '../cache/cached-reply.js';
import { etagOf } from './platform-view.js';
import { NoPlatforms, PlatformNotFound } from './platforms.errors.js';
import { PlatformsService } from './platforms.service.js';

/** Cached reads as they are answered: the text from the store, its entity tag, or the error of what is not there. */
@Injectable()
export class PlatformReplies {
  constructor(private readonly platforms: PlatformsService) {}

  async list(userId: number): Promise<CachedReply> {
    const read = await this.platforms.list(userId);
    return new CachedReply(read, read.raw);
  }

  async default(userId: number): Promise<CachedReply> {
    const read = await this.platforms.list(userId);
    const [first] = read.value;
    if (first === undefined) return new CachedReply(read, new NoPlatforms());
    return new CachedReply(read, JSON.stringify(first), etagOf(first));
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

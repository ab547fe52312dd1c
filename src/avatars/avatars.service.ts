import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { PlatformRepository } from '../platforms/platform.repository.js';
import { NoAvatar, PlatformNotFound } from '../platforms/platforms.errors.js';
import { type Picture, Pictures } from './pictures.js';

/** Serves account pictures through this server, so that no instance learns who views them. */
@Injectable()
export class AvatarsService {
  constructor(
    private readonly database: Database,
    private readonly repository: PlatformRepository,
    private readonly pictures: Pictures,
  ) {}

  /** @throws {PlatformNotFound | NoAvatar} */
  async of(userId: number, id: number): Promise<Picture> {
    const row = await this.database.load(() => this.repository.findRow(id));
    if (row === null || row.userId !== userId) throw new PlatformNotFound();
    const picture = row.avatarUrl === null ? null : await this.pictures.at(row.avatarUrl, row.instanceUrl);
    if (picture === null) throw new NoAvatar();
    return picture;
  }
}

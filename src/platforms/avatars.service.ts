import { Injectable } from '@nestjs/common';
import { Database } from '../database/database.service.js';
import { type Picture, Pictures } from '../instances/pictures.js';
import { PlatformRows } from './platform-rows.js';
import { NoAvatar, PlatformNotFound } from './platforms.errors.js';

/** Pictures of the accounts, fetched from here, so that no instance learns who looks at them. */
@Injectable()
export class Avatars {
  constructor(
    private readonly database: Database,
    private readonly rows: PlatformRows,
    private readonly pictures: Pictures,
  ) {}

  /** @throws {PlatformNotFound | NoAvatar} */
  async of(userId: number, id: number): Promise<Picture> {
    const row = await this.database.load(() => this.rows.findRow(id));
    if (row === null || row.userId !== userId) throw new PlatformNotFound();
    const picture = row.avatarUrl === null ? null : await this.pictures.at(row.avatarUrl, row.instanceUrl);
    if (picture === null) throw new NoAvatar();
    return picture;
  }
}

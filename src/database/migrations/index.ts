import { Init1764000000000 } from './1764000000000-init.js';
import { Outbox1764000100000 } from './1764000100000-outbox.js';
import { Instances1764000200000 } from './1764000200000-instances.js';
import { ApiKeys1764000300000 } from './1764000300000-api-keys.js';
import { Audit1764000400000 } from './1764000400000-audit.js';
import { Watch1764000500000 } from './1764000500000-watch.js';
import { Events1764000600000 } from './1764000600000-events.js';
import { Growth1764000700000 } from './1764000700000-growth.js';
import { RewrappedRefreshTokens1764001000000 } from './1764001000000-rewrapped-refresh-tokens.js';
import { SnapshotChanges1764001100000 } from './1764001100000-snapshot-changes.js';
import { AdminSearch1764001200000 } from './1764001200000-admin-search.js';
import { Inactive1764001210000 } from './1764001210000-inactive.js';
import { Replay1764001230000 } from './1764001230000-replay.js';
import { ActivityDays1764001300000 } from './1764001300000-activity-days.js';
import { Avatars1764001400000 } from './1764001400000-avatars.js';
import { StatisticsByHand1764001500000 } from './1764001500000-statistics-by-hand.js';
import { PublishDrained1764001510000 } from './1764001510000-publish-drained.js';

/** In the order in which they are applied. Listed by hand: a file that is found by a pattern can also be missed by one. */
export const MIGRATIONS = [
  Init1764000000000,
  Outbox1764000100000,
  Instances1764000200000,
  ApiKeys1764000300000,
  Audit1764000400000,
  Watch1764000500000,
  Events1764000600000,
  Growth1764000700000,
  RewrappedRefreshTokens1764001000000,
  SnapshotChanges1764001100000,
  AdminSearch1764001200000,
  Inactive1764001210000,
  Replay1764001230000,
  ActivityDays1764001300000,
  Avatars1764001400000,
  StatisticsByHand1764001500000,
  PublishDrained1764001510000,
];

import { Accounts1764000000000 } from './1764000000000-accounts.js';
import { Connections1764000100000 } from './1764000100000-connections.js';
import { Outbox1764000200000 } from './1764000200000-outbox.js';
import { Events1764000300000 } from './1764000300000-events.js';
import { Connect1764000400000 } from './1764000400000-connect.js';
import { Watch1764000500000 } from './1764000500000-watch.js';
import { Snapshots1764000600000 } from './1764000600000-snapshots.js';
import { Activity1764000700000 } from './1764000700000-activity.js';
import { Audit1764000800000 } from './1764000800000-audit.js';
import { Installation1764000900000 } from './1764000900000-installation.js';
import { SignIns1764001000000 } from './1764001000000-sign-ins.js';
import { AuditChain1764001100000 } from './1764001100000-audit-chain.js';
import { ConnectFinish1764001200000 } from './1764001200000-connect-finish.js';
import { KeyPolicies1764001300000 } from './1764001300000-key-policies.js';
import { NormalText1764001500000 } from './1764001500000-normal-text.js';
import { Primary1764001600000 } from './1764001600000-primary.js';
import { Software1764001900000 } from './1764001900000-software.js';
import { Misskey1764002000000 } from './1764002000000-misskey.js';
import { Vanished1764002010000 } from './1764002010000-vanished.js';
import { Idempotency1764002500000 } from './1764002500000-idempotency.js';
import { Sessions1764003000000 } from './1764003000000-sessions.js';
import { Bluesky1764003100000 } from './1764003100000-bluesky.js';
import { Mail1764003200000 } from './1764003200000-mail.js';
import { Administration1764003900000 } from './1764003900000-administration.js';
import { Leaving1764004000000 } from './1764004000000-leaving.js';
import { Confirmations1764005100000 } from './1764005100000-confirmations.js';
import { SecondFactors1764005200000 } from './1764005200000-second-factors.js';
import { EmailChanges1764005300000 } from './1764005300000-email-changes.js';
import { Passkeys1764005310000 } from './1764005310000-passkeys.js';
import { ProxyPolicies1764006100000 } from './1764006100000-proxy-policies.js';
import { RefreshLease1764006200000 } from './1764006200000-refresh-lease.js';
import { Labels1764006700000 } from './1764006700000-labels.js';
import { Webhooks1764006800000 } from './1764006800000-webhooks.js';
import { WebhookNotices1764006900000 } from './1764006900000-webhook-notices.js';
import { Notices1764007000000 } from './1764007000000-notices.js';
import { CheckHistory1764007100000 } from './1764007100000-check-history.js';
import { Attention1764007200000 } from './1764007200000-attention.js';
import { ConnectLinks1764007300000 } from './1764007300000-connect-links.js';
import { BeginWrite1764007500000 } from './1764007500000-begin-write.js';
import { KeyRotations1764007800000 } from './1764007800000-key-rotations.js';
import { FollowedWrites1764008200000 } from './1764008200000-followed-writes.js';
import { PublishLock1764008400000 } from './1764008400000-publish-lock.js';
import { WatchByInstance1764008500000 } from './1764008500000-watch-by-instance.js';
import { PublishJit1764008600000 } from './1764008600000-publish-jit.js';
import { CompareRows1764008700000 } from './1764008700000-compare-rows.js';

/** In the order in which they are applied. Listed by hand: a file pattern could miss one. */
export const MIGRATIONS = [
  Accounts1764000000000,
  Connections1764000100000,
  Outbox1764000200000,
  Events1764000300000,
  Connect1764000400000,
  Watch1764000500000,
  Snapshots1764000600000,
  Activity1764000700000,
  Audit1764000800000,
  Installation1764000900000,
  SignIns1764001000000,
  AuditChain1764001100000,
  ConnectFinish1764001200000,
  KeyPolicies1764001300000,
  NormalText1764001500000,
  Primary1764001600000,
  Software1764001900000,
  Misskey1764002000000,
  Vanished1764002010000,
  Idempotency1764002500000,
  Sessions1764003000000,
  Bluesky1764003100000,
  Mail1764003200000,
  Administration1764003900000,
  Leaving1764004000000,
  Confirmations1764005100000,
  SecondFactors1764005200000,
  EmailChanges1764005300000,
  Passkeys1764005310000,
  ProxyPolicies1764006100000,
  RefreshLease1764006200000,
  Labels1764006700000,
  Webhooks1764006800000,
  WebhookNotices1764006900000,
  Notices1764007000000,
  CheckHistory1764007100000,
  Attention1764007200000,
  ConnectLinks1764007300000,
  BeginWrite1764007500000,
  KeyRotations1764007800000,
  FollowedWrites1764008200000,
  PublishLock1764008400000,
  WatchByInstance1764008500000,
  PublishJit1764008600000,
  CompareRows1764008700000,
];

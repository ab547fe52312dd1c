import { AuditChainHead } from '../audit/audit-chain.entity.js';
import { AuditEntry } from '../audit/audit-entry.entity.js';
import { ApiKey } from '../auth/api-key.entity.js';
import { EmailChange } from '../auth/email-change.entity.js';
import { ConnectAttempt } from '../connect/connect-attempt.entity.js';
import { ConnectLink } from '../connect/connect-link.entity.js';
import { Passkey } from '../factors/passkey.entity.js';
import { RecoveryCode } from '../factors/recovery-code.entity.js';
import { TotpFactor } from '../factors/totp-factor.entity.js';
import { WebauthnChallenge } from '../factors/webauthn-challenge.entity.js';
import { BlueskyClientKey } from '../instances/bluesky/client-key.entity.js';
import { InstanceApp } from '../instances/instance-app.entity.js';
import { KeyCanary } from '../keys/key-canary.entity.js';
import { KeyRotationRecord } from '../keys/key-rotation-record.entity.js';
import { PlatformConnection } from '../platforms/platform.entity.js';
import { RefreshToken } from '../sessions/refresh-token.entity.js';
import { Session } from '../sessions/session.entity.js';
import { AccountSnapshot } from '../snapshots/account-snapshot.entity.js';
import { PlatformActivityDay } from '../stats/activity-day.entity.js';
import { PlatformActivityTotal } from '../stats/activity-total.entity.js';
import { PlatformActivity } from '../stats/activity.entity.js';
import { Invitation } from '../users/invitation.entity.js';
import { User } from '../users/user.entity.js';
import { InstanceWatch } from '../watch/instance-watch.entity.js';
import { PlatformWatch } from '../watch/platform-watch.entity.js';

/** All entities. The API collects them from its feature modules, but a command loads no modules. */
export const ENTITIES = [
  User,
  Invitation,
  Session,
  RefreshToken,
  ApiKey,
  EmailChange,
  TotpFactor,
  RecoveryCode,
  Passkey,
  WebauthnChallenge,
  PlatformConnection,
  PlatformActivity,
  PlatformActivityTotal,
  PlatformActivityDay,
  InstanceApp,
  BlueskyClientKey,
  ConnectAttempt,
  ConnectLink,
  PlatformWatch,
  InstanceWatch,
  AccountSnapshot,
  KeyCanary,
  KeyRotationRecord,
  AuditEntry,
  AuditChainHead,
];

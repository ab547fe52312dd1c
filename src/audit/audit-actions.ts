/** What the trail records. */
export const AUDIT_ACTIONS = [
  'account.register',
  'account.role',
  'account.password',
  'account.password_reset',
  'account.verify_email',
  'account.email',
  'account.disable',
  'account.delete',
  'account.export',
  'account.invite',
  'second_factor.add',
  'second_factor.codes',
  'second_factor.remove',
  'session.begin',
  'session.confirm',
  'session.end',
  'session.reuse',
  'api_key.create',
  'api_key.revoke',
  'platform.create',
  'platform.delete',
  'connect.link',
  'connect.finish',
  'credentials.change',
  'credentials.reveal',
  'proxy.request',
  'credentials.refresh',
  'credentials.seal',
  'credentials.import',
  'credentials.export',
  'keys.rotate',
  'installation.restore',
  'admin.request',
  'audit.begin',
  'audit.trim',
  'audit.broken',
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `guest`: somebody with a connect link. `operator`: somebody at the command line. `system`: the application by itself. */
export const AUDIT_ACTORS = ['user', 'guest', 'operator', 'system'] as const;
export type AuditActor = (typeof AUDIT_ACTORS)[number];

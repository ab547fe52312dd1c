export const AUDIT_ACTIONS = ['credentials.reveal'] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** `revealed`, or the reason for the refusal. */
export const AUDIT_OUTCOMES = ['revealed', 'needs_reconnect', 'platform_inactive'] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

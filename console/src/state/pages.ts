export interface PageEntry {
  readonly target: string;
  readonly label: string;
}

/** In the order of use. */
export const PAGES = [
  { target: 'platforms', label: 'Platforms' },
  { target: 'stats', label: 'Stats' },
  { target: 'api-keys', label: 'API keys' },
  { target: 'webhooks', label: 'Webhooks' },
  { target: 'connect-links', label: 'Connect links' },
  { target: 'activity', label: 'Activity log' },
  { target: 'account', label: 'Account' },
] as const satisfies readonly PageEntry[];

export const ADMIN_PAGES = [
  { target: 'overview', label: 'Overview' },
  { target: 'connections', label: 'All connections' },
  { target: 'users', label: 'Users' },
  { target: 'cache', label: 'Cache' },
  { target: 'system', label: 'System' },
] as const satisfies readonly PageEntry[];

export type PageTarget = (typeof PAGES | typeof ADMIN_PAGES)[number]['target'];

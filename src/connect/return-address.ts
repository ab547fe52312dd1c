import { InvalidField } from '../common/domain-error.js';
import type { AppConfig } from '../config/app-config.js';

/**
 * Where a browser may be sent: a URL on this server, or on an origin in CORS_ORIGINS.
 *
 * @throws {InvalidField}
 */
export function assertMayReturnTo(
  returnTo: string | undefined,
  { publicOrigin, corsOrigins }: Pick<AppConfig, 'publicOrigin' | 'corsOrigins'>,
): void {
  if (returnTo === undefined) return;
  if (URL.canParse(returnTo)) {
    const { origin, username, password } = new URL(returnTo);
    const isPlain = username === '' && password === '';
    if (isPlain && (origin === publicOrigin || corsOrigins.includes(origin))) return;
  }
  throw new InvalidField([
    { pointer: '/returnTo', detail: 'returnTo must start with an allow-listed origin' },
  ]);
}

export function withQuery(address: string, query: Readonly<Record<string, string>>): string {
  const url = new URL(address);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url.href;
}

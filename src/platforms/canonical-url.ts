import { InvalidField } from '../common/domain-error.js';
import type { AppConfig } from '../config/app-config.js';
import { InvalidInstanceUrl, canonicalInstanceUrl } from '../instances/instance-url.js';

/** @throws {InvalidField} */
export function canonicalUrl({ instanceHostAllowlist }: AppConfig, input: string): string {
  try {
    return canonicalInstanceUrl(input, (host) => instanceHostAllowlist.has(host));
  } catch (error) {
    if (!(error instanceof InvalidInstanceUrl)) throw error;
    throw new InvalidField([{ pointer: '/instanceUrl', detail: error.detail }]);
  }
}

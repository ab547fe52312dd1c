import { signal } from '@preact/signals';
import { type User, type components, createClient } from '../../../clients/typescript/src/index.js';
import { confirmed } from '../state/confirmation.js';
import { BASE } from './base.js';
import { keepsSecureCookies } from './secure-cookies.js';

export { Problem, ok } from '../../../clients/typescript/src/index.js';

type Schemas = components['schemas'];
export type Platform = Schemas['PlatformDto'];
export type PlatformStats = Schemas['PlatformStatsDto'];
export type ActivityOfDay = Schemas['ActivityOfDayDto'];
export type AccountOfDay = Schemas['SnapshotOfDayDto'];
export type CacheFigures = Schemas['CacheFiguresDto'];
export type NewPlatform = Schemas['CreatePlatformDto'];
export type PlatformChange = Schemas['UpdatePlatformDto'];
export type OpenSession = Schemas['OpenSessionDto'];
export type ApiKey = Schemas['ApiKeyDto'];
export type NewApiKey = Schemas['CreateApiKeyDto'];
export type Webhook = Schemas['WebhookDto'];
export type NewWebhook = Schemas['CreateWebhookDto'];
export type Delivery = Schemas['DeliveryDto'];
export type ConnectLink = Schemas['ConnectLinkDto'];
export type GuestLink = Schemas['GuestLinkDto'];
export type { User };
export type ManagedUser = Schemas['ManagedUserDto'];
export type Instance = Schemas['InstanceDto'];
export type CheckRun = Schemas['CheckRunDto'];
export type SystemState = Schemas['SystemDto'];
export type Notices = Schemas['NoticesDto'];
export type Readiness = Schemas['ReadyDto'];

/** The signed-in user. */
export const user = signal<User | null>(null);
/** The user whose session has ended by itself: what they have not sent yet is still on the page. */
export const absent = signal<User | null>(null);
/** Why the session ended, unless the user logged out. */
export const sessionEnd = signal<string | null>(null);

const listeners = new Set<() => void>();

/** Calls `listener` when a request gets no response. */
export function onUnreachable(listener: () => void): void {
  listeners.add(listener);
}

/** Otherwise the session lives in memory only, and the console says so. */
export const staysSignedIn = keepsSecureCookies();

export const client = createClient({
  baseUrl: BASE,
  // The console says at once what is wrong, and leaves it to its user to try again.
  patienceMs: 0,
  sessionCookie: staysSignedIn,
  confirm: confirmed,
  onUser: (person, reason) => {
    sessionEnd.value = reason === null ? null : 'Your session has expired. Log in again.';
    const { value: previous } = user;
    absent.value = person === null && reason !== null ? (previous ?? absent.value) : null;
    const { id, role, email } = person ?? {};
    // Assigning a new object would restart every effect that depends on the user.
    if (previous?.id !== id || previous?.role !== role || previous?.email !== email) user.value = person;
  },
  onUnreachable: () => {
    for (const listener of listeners) listener();
  },
});

export const { api, session } = client;

import { signal } from '@preact/signals';
import { session, staysSignedIn } from '../api/client.js';
import { poll } from '../api/poll.js';
import { messageOf } from './messages.js';

const RETRY_MS = 2000;

/** Until it is known whether somebody is signed in. */
export const restoring = signal(staysSignedIn);
/** Why it is not known yet; null if nothing has failed. */
export const restoreError = signal<string | null>(null);

/** Goes on with the session in the cookie. While the server cannot tell, nobody has to log in again: it is asked again. */
export function restoreSession(): () => void {
  if (!restoring.value) return () => undefined;
  const attempts = poll(
    async () => {
      try {
        await session.restore();
        restoring.value = false;
        restoreError.value = null;
        attempts.stop();
      } catch (error) {
        restoreError.value = messageOf(error);
      }
    },
    () => RETRY_MS,
  );
  return attempts.stop;
}

import { useState } from 'preact/hooks';
import { Problem, api, ok, user } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { messageOf, say } from '../state/messages.js';
import { Loaded } from '../ui/loaded.js';

/** The address of the account, and whether the server knows that mail to it arrives. */
export function EmailAddress() {
  const polled = usePolled(() => ok(api.GET('/v1/me')), [], 60_000);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  async function sendAgain(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setFault(null);
    try {
      await ok(api.POST('/v1/me/verify-email'));
      say('A link is on its way to you.');
    } catch (error) {
      const noMail = error instanceof Problem && error.code === 'mail_not_configured';
      setFault(noMail ? 'This server sends no mail.' : messageOf(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <section class="panel" aria-labelledby="email-address">
      <h2 id="email-address">E-mail address</h2>
      <p>{user.value?.email}</p>
      <Loaded polled={polled} what="your account">
        {({ emailVerified }) =>
          emailVerified ? (
            <p class="hint">Confirmed: a new password can be sent there if you forget yours.</p>
          ) : (
            <>
              <p class="hint">Not confirmed yet.</p>
              <div class="buttons">
                <button type="button" aria-disabled={busy} onClick={() => void sendAgain()}>
                  {busy ? 'One moment…' : 'Send me a link to confirm it'}
                </button>
              </div>
            </>
          )
        }
      </Loaded>
      {fault !== null && (
        <p class="notice bad" role="alert">
          {fault}
        </p>
      )}
    </section>
  );
}

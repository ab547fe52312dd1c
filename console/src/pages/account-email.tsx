import { useState } from 'preact/hooks';
import { Problem, api, ok, user } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { messageOf, say } from '../state/messages.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { Loaded } from '../ui/loaded.js';

const FIELDS = ['email'];

function withoutMail(error: unknown): string | undefined {
  return error instanceof Problem && error.code === 'mail_not_configured'
    ? 'This server sends no mail.'
    : undefined;
}

/** The address of the account, and whether the server knows that mail to it arrives. */
export function EmailAddress() {
  const polled = usePolled(() => ok(api.GET('/v1/me')), [], 60_000);
  const [busy, setBusy] = useState(false);
  const [times, setTimes] = useState(0);
  const [fault, setFault] = useState<string | null>(null);

  async function sendAgain(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setFault(null);
    try {
      await ok(api.POST('/v1/me/verify-email'));
      say('A link is on its way to you.');
    } catch (error) {
      setFault(withoutMail(error) ?? messageOf(error));
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
      <Form
        key={times}
        fields={FIELDS}
        submitLabel="Change address"
        explain={withoutMail}
        onSubmit={async ({ email = '' }) => {
          await ok(api.PUT('/v1/me/email', { body: { email } }));
          say(`Links are on their way to ${user.value?.email ?? 'you'} and to ${email}. Open both.`);
          setTimes(times + 1);
        }}
      >
        {(errorOf) => (
          <Field
            name="email"
            type="email"
            label="New e-mail address"
            hint="You get a link at both addresses. Yours changes when both have been opened."
            autocomplete="email"
            required
            error={errorOf('email')}
          />
        )}
      </Form>
      {fault !== null && (
        <p class="notice bad" role="alert">
          {fault}
        </p>
      )}
    </section>
  );
}

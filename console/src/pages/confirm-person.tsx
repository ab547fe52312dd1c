import { api, ok, user } from '../api/client.js';
import { type Confirmation } from '../state/confirmation.js';
import { usePasskey } from '../state/passkeys.js';
import { Confirm } from '../ui/confirm.js';
import { Field } from '../ui/fields.js';
import { PasskeyButton } from '../ui/passkey-button.js';

const FIELDS = ['password'];

/** Asks for the password before what a thief of the session must not do. What was asked for goes on after it. */
export function ConfirmPerson({ decide }: Confirmation) {
  return (
    <Confirm
      title="Confirm that it is you"
      action="Continue"
      fields={FIELDS}
      onConfirm={async ({ password = '' }) => {
        await ok(api.POST('/v1/auth/confirm', { body: { password } }));
        decide(true);
      }}
      onClose={() => decide(false)}
    >
      {(errorOf) => (
        <>
          <p>You logged in more than ten minutes ago. Your password is asked for once in ten minutes.</p>
          {/* For password managers, which ask whose password it is. */}
          <input type="email" autocomplete="username" value={user.value?.email} readOnly hidden />
          <PasskeyButton
            label="Use a passkey"
            onUse={async () => {
              const passkey = await usePasskey();
              await ok(api.POST('/v1/auth/confirm', { body: { passkey } }));
              decide(true);
            }}
          />
          <Field
            name="password"
            type="password"
            label="Your password"
            autocomplete="current-password"
            required
            error={errorOf('password')}
          />
        </>
      )}
    </Confirm>
  );
}

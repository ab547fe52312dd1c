import { session } from '../api/client.js';
import { usePasskey } from '../state/passkeys.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { PageTitle } from '../ui/page-title.js';
import { PasskeyButton } from '../ui/passkey-button.js';

const FIELDS = ['code'];

/** What the server has found right already. */
export interface Known {
  readonly email: string;
  readonly password: string;
}

/** The second step of a log-in. */
export function SecondFactor({ email, password, onBack }: Known & { readonly onBack: () => void }) {
  return (
    <div class="sign-in panel">
      <PageTitle>One more step</PageTitle>
      <PasskeyButton
        label="Use a passkey"
        onUse={async () => {
          await session.signInByPasskey(await usePasskey());
        }}
      />
      <p>Your account also asks for a passkey, a code of your authenticator app, or a recovery code.</p>
      <Form
        fields={FIELDS}
        submitLabel="Log in"
        onCancel={onBack}
        onSubmit={async ({ code = '' }) => {
          await session.signIn(email, password, code);
        }}
      >
        {(errorOf) => (
          <Field
            name="code"
            label="Code"
            autocomplete="one-time-code"
            spellcheck={false}
            autofocus
            required
            error={errorOf('code')}
          />
        )}
      </Form>
    </div>
  );
}

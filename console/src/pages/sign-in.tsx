import { useState } from 'preact/hooks';
import { Problem, session, sessionEnd, staysSignedIn } from '../api/client.js';
import { pendingAttempt } from '../state/connect.js';
import { usePasskey } from '../state/passkeys.js';
import { go, hrefOf, page } from '../state/route.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { PageTitle } from '../ui/page-title.js';
import { PasskeyButton } from '../ui/passkey-button.js';
import { type Known, SecondFactor } from './second-factor.js';

const FIELDS = ['email', 'password'];

export function SignInPage() {
  const invitation = page.value === 'register' ? location.hash.slice(1) : '';
  const [isNew, setIsNew] = useState(page.value === 'register');
  const [known, setKnown] = useState<Known | null>(null);
  if (known !== null) return <SecondFactor {...known} onBack={() => setKnown(null)} />;
  return (
    <div class="sign-in panel">
      <PageTitle>{isNew ? 'Create an account' : 'Log in'}</PageTitle>
      {sessionEnd.value !== null && (
        <p class="notice waiting" role="status">
          {sessionEnd.value}
        </p>
      )}
      {pendingAttempt.value !== null && (
        <p class="notice waiting" role="status">
          Log in to finish connecting the account.
        </p>
      )}
      <Form
        clearOnError
        key={String(isNew)}
        fields={FIELDS}
        submitLabel={isNew ? 'Create account' : 'Log in'}
        onSubmit={async ({ email = '', password = '' }) => {
          await (isNew
            ? session.register(email, password, invitation || undefined)
            : session.signIn(email, password).catch((error: unknown) => {
                if (!(error instanceof Problem && error.code === 'second_factor_required')) throw error;
                setKnown({ email, password });
              }));
          if (page.value === 'register') go('platforms');
        }}
      >
        {(errorOf) => (
          <>
            <Field
              name="email"
              type="email"
              label="E-mail address"
              autocomplete="username"
              required
              error={errorOf('email')}
            />
            <Field
              name="password"
              type="password"
              label="Password"
              autocomplete={isNew ? 'new-password' : 'current-password'}
              required
              {...(isNew && { hint: '12 to 128 characters' })}
              error={errorOf('password')}
            />
          </>
        )}
      </Form>
      {!isNew && (
        <PasskeyButton
          label="Use a passkey"
          onUse={async () => {
            await session.signInByPasskey(await usePasskey());
          }}
        />
      )}
      <p>
        {isNew ? 'Already have an account? ' : 'New here? '}
        <button type="button" class="link" onClick={() => setIsNew(!isNew)}>
          {isNew ? 'Log in' : 'Create an account'}
        </button>
      </p>
      {!isNew && (
        <p>
          <a href={hrefOf('forgot-password')}>Forgot your password?</a>
        </p>
      )}
      <p class="hint">
        {staysSignedIn
          ? 'You stay logged in on this device until you log out. Scripts cannot read the cookie that does it.'
          : 'You stay logged in until you close or reload this page: this browser takes no secure cookie from this address.'}
      </p>
    </div>
  );
}

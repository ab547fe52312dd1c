import { useState } from 'preact/hooks';
import { Problem, api, ok, user } from '../api/client.js';
import { say } from '../state/messages.js';
import { go, hrefOf } from '../state/route.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { PageTitle } from '../ui/page-title.js';

const NOTHING: readonly string[] = [];
const EMAIL = ['email'];
const NEW_PASSWORD = ['newPassword'];

/** Behind the #, so that no server's log has it. */
const tokenOfLink = (): string => location.hash.slice(1);

function ToLogIn() {
  return (
    <p>
      <a href={hrefOf('platforms')}>{user.value === null ? 'Log in' : 'Go to your platforms'}</a>
    </p>
  );
}

function withoutMail(error: unknown): string | undefined {
  return error instanceof Problem && error.code === 'mail_not_configured'
    ? 'This server sends no mail. Ask its administrator for a new password.'
    : undefined;
}

export function ForgotPasswordPage() {
  const [sentTo, setSentTo] = useState<string | null>(null);
  return (
    <div class="sign-in panel">
      <PageTitle>Forgot your password?</PageTitle>
      {sentTo === null ? (
        <Form
          fields={EMAIL}
          submitLabel="Send a link"
          explain={withoutMail}
          onSubmit={async ({ email = '' }) => {
            await ok(api.POST('/v1/auth/password-reset', { body: { email } }));
            setSentTo(email);
          }}
        >
          {(errorOf) => (
            <Field
              name="email"
              type="email"
              label="E-mail address"
              autocomplete="username"
              hint="You get a link to set a new password."
              required
              error={errorOf('email')}
            />
          )}
        </Form>
      ) : (
        <p class="notice good" role="status">
          If there is an account with {sentTo}, a link is on its way. It works once, for 30 minutes.
        </p>
      )}
      <ToLogIn />
    </div>
  );
}

export function ResetPasswordPage() {
  return (
    <div class="sign-in panel">
      <PageTitle>Set a new password</PageTitle>
      <Form
        clearOnError
        fields={NEW_PASSWORD}
        submitLabel="Set password"
        onSubmit={async ({ newPassword = '' }) => {
          await ok(api.PUT('/v1/auth/password-reset', { body: { token: tokenOfLink(), newPassword } }));
          say('Your new password is set. All sessions have ended.');
          go('platforms');
        }}
      >
        {(errorOf) => (
          <Field
            name="newPassword"
            type="password"
            label="New password"
            autocomplete="new-password"
            hint="12 to 128 characters. All your sessions end."
            required
            error={errorOf('newPassword')}
          />
        )}
      </Form>
      <p>
        <a href={hrefOf('forgot-password')}>Ask for another link</a>
      </p>
    </div>
  );
}

/** Asks for a click: programs that look at the links in people's mail would confirm the address too. */
export function VerifyEmailPage() {
  const [confirmed, setConfirmed] = useState(false);
  return (
    <div class="sign-in panel">
      <PageTitle>Confirm your e-mail address</PageTitle>
      {confirmed ? (
        <p class="notice good" role="status">
          Your address is confirmed.
        </p>
      ) : (
        <Form
          fields={NOTHING}
          submitLabel="Confirm"
          onSubmit={async () => {
            await ok(api.POST('/v1/auth/verify-email', { body: { token: tokenOfLink() } }));
            setConfirmed(true);
          }}
        >
          {() => null}
        </Form>
      )}
      <ToLogIn />
    </div>
  );
}

/** Asks for a click, for the same reason. Which of the two addresses it is about is in the link. */
export function ChangeEmailPage() {
  const [changed, setChanged] = useState<boolean | null>(null);
  return (
    <div class="sign-in panel">
      <PageTitle>Change your e-mail address</PageTitle>
      {changed === null ? (
        <Form
          fields={NOTHING}
          submitLabel="Confirm"
          onSubmit={async () => {
            setChanged(
              (await ok(api.POST('/v1/auth/change-email', { body: { token: tokenOfLink() } }))).changed,
            );
          }}
        >
          {() => null}
        </Form>
      ) : (
        <p class="notice good" role="status">
          {changed
            ? 'Your address is changed. Log in with the new one from now on.'
            : 'Confirmed. Now open the link in the message to your other address.'}
        </p>
      )}
      <ToLogIn />
    </div>
  );
}

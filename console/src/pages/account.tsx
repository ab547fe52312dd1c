import { useState } from 'preact/hooks';
import { type OpenSession, Problem, api, ok, user } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Time } from '../ui/time.js';
import { EmailAddress } from './account-email.js';
import { Authenticator } from './authenticator.js';
import { Leaving } from './leaving.js';
import { MailNotices } from './mail-notices.js';
import { Passkeys } from './passkeys.js';

const FIELDS = ['currentPassword', 'newPassword'];

export function AccountPage() {
  const [attempt, setAttempt] = useState(0);
  const again = (): void => setAttempt(attempt + 1);
  return (
    <>
      <PageTitle>Account</PageTitle>
      <EmailAddress />
      <Sessions attempt={attempt} onEnded={again} />
      <Password onChanged={again} />
      <Passkeys />
      <Authenticator />
      <MailNotices />
      <Leaving />
    </>
  );
}

interface SessionsProps {
  readonly attempt: number;
  readonly onEnded: () => void;
}

function Sessions({ attempt, onEnded }: SessionsProps) {
  const [ending, setEnding] = useState<OpenSession | 'others' | null>(null);
  const polled = usePolled(() => ok(api.GET('/v1/sessions')), [attempt], 60_000);
  return (
    <section class="panel" aria-labelledby="sessions">
      <h2 id="sessions">Where you are logged in</h2>
      <Loaded polled={polled} what="your sessions">
        {(sessions) => (
          <>
            <ul class="rows">
              {sessions.map((one) => (
                <SessionRow key={one.id} session={one} onEnd={() => setEnding(one)} />
              ))}
            </ul>
            {sessions.length > 1 && (
              <div class="buttons">
                <button type="button" onClick={() => setEnding('others')}>
                  End all others
                </button>
              </div>
            )}
          </>
        )}
      </Loaded>
      {ending !== null && <EndSession ending={ending} onClose={() => setEnding(null)} onEnded={onEnded} />}
    </section>
  );
}

function SessionRow({ session, onEnd }: { readonly session: OpenSession; readonly onEnd: () => void }) {
  const { current, address, lastSeenAt, createdAt } = session;
  return (
    <li>
      <div class="main">
        <p>
          <strong>{nameOf(session)}</strong>
          {current && <span class="badge accent">This device</span>}
        </p>
        <p class="hint">
          {address === '' ? 'Address unknown' : address} · last seen <Time at={lastSeenAt} none="never" /> ·
          logged in <Time at={createdAt} none="" />
        </p>
      </div>
      {!current && (
        <button type="button" onClick={onEnd}>
          End<span class="visually-hidden"> {nameOf(session)}</span>
        </button>
      )}
    </li>
  );
}

function nameOf({ device }: OpenSession): string {
  return device === '' ? 'Unknown device' : device;
}

interface EndProps {
  readonly ending: OpenSession | 'others';
  readonly onClose: () => void;
  readonly onEnded: () => void;
}

function EndSession({ ending, onClose, onEnded }: EndProps) {
  const all = ending === 'others';
  return (
    <Confirm
      title={all ? 'End all other sessions?' : `End the session on ${nameOf(ending)}?`}
      action={all ? 'End all others' : 'End session'}
      danger
      onClose={onClose}
      onConfirm={async () => {
        await (all ? ok(api.DELETE('/v1/sessions')) : end(ending.id));
        say(all ? 'All other sessions have ended.' : 'The session has ended.');
        onEnded();
      }}
    >
      {() => <p>That device has to log in again. If it is not yours, change your password too.</p>}
    </Confirm>
  );
}

async function end(id: number): Promise<void> {
  try {
    await ok(api.DELETE('/v1/sessions/{id}', { params: { path: { id } } }));
  } catch (error) {
    // Ended elsewhere, which is the wanted result.
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
}

function Password({ onChanged }: { readonly onChanged: () => void }) {
  const [times, setTimes] = useState(0);
  return (
    <section class="panel" aria-labelledby="password">
      <h2 id="password">Change your password</h2>
      <Form
        key={times}
        clearOnError
        fields={FIELDS}
        submitLabel="Change password"
        onSubmit={async ({ currentPassword = '', newPassword = '' }) => {
          await ok(api.PUT('/v1/me/password', { body: { currentPassword, newPassword } }));
          say('Your password is changed. All other sessions have ended.');
          setTimes(times + 1);
          onChanged();
        }}
      >
        {(errorOf) => (
          <>
            {/* For password managers, which ask whose password it is. */}
            <input type="email" autocomplete="username" value={user.value?.email} readOnly hidden />
            <Field
              name="currentPassword"
              type="password"
              label="Current password"
              autocomplete="current-password"
              required
              error={errorOf('currentPassword')}
            />
            <Field
              name="newPassword"
              type="password"
              label="New password"
              autocomplete="new-password"
              hint="12 to 128 characters. All your other sessions end."
              required
              error={errorOf('newPassword')}
            />
          </>
        )}
      </Form>
    </section>
  );
}

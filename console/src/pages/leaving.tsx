import { useState } from 'preact/hooks';
import { api, ok, session, sessionEnd } from '../api/client.js';
import { messageOf } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Field } from '../ui/fields.js';

const FIELDS = ['currentPassword'];

/** Taking one's data along, and deleting the account. */
export function Leaving() {
  const [deleting, setDeleting] = useState(false);
  const [busy, setBusy] = useState<'plain' | 'secrets' | null>(null);
  const [fault, setFault] = useState<string | null>(null);

  async function save(secrets: boolean): Promise<void> {
    if (busy !== null) return;
    setBusy(secrets ? 'secrets' : 'plain');
    setFault(null);
    try {
      const file = await ok(api.GET('/v1/me/export', { params: { query: { secrets } }, parseAs: 'blob' }));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file as unknown as Blob);
      link.download = 'platform-manager-account.json';
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      setFault(messageOf(error));
    } finally {
      setBusy(null);
    }
  }

  return (
    <>
      <section class="panel" aria-labelledby="your-data">
        <h2 id="your-data">Your data</h2>
        <p>
          A file of everything that is kept about you, without passwords and keys. With the access tokens of
          your connections it is as good as your accounts: keep it where nobody else reads it.
        </p>
        {fault !== null && (
          <p class="notice bad" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
          <button type="button" aria-disabled={busy !== null} onClick={() => void save(false)}>
            {busy === 'plain' ? 'One moment…' : 'Download'}
          </button>
          <button type="button" aria-disabled={busy !== null} onClick={() => void save(true)}>
            {busy === 'secrets' ? 'One moment…' : 'Download with access tokens'}
          </button>
        </div>
      </section>
      <section class="panel danger-zone" aria-labelledby="delete-account">
        <h2 id="delete-account">Delete your account</h2>
        <p>With all connections, API keys and statistics. For seven days you can change your mind.</p>
        <div class="buttons">
          <button type="button" class="danger" onClick={() => setDeleting(true)}>
            Delete account
          </button>
        </div>
      </section>
      {deleting && <DeleteAccount onClose={() => setDeleting(false)} />}
    </>
  );
}

function DeleteAccount({ onClose }: { readonly onClose: () => void }) {
  return (
    <Confirm
      title="Delete your account?"
      action="Delete account"
      danger
      fields={FIELDS}
      onClose={onClose}
      onConfirm={async ({ currentPassword = '' }) => {
        const body = currentPassword === '' ? {} : { currentPassword };
        const { leavesAt } = await ok(api.DELETE('/v1/me', { body }));
        await session.signOut();
        const until = new Date(leavesAt).toLocaleDateString();
        sessionEnd.value = `Your account will be deleted on ${until}. To keep it, log in before that day.`;
      }}
    >
      {(errorOf) => (
        <>
          <p>
            You are logged out everywhere, and programs with your API keys are refused. After seven days
            everything is gone.
          </p>
          <Field
            name="currentPassword"
            type="password"
            label="Your password"
            autocomplete="current-password"
            error={errorOf('currentPassword')}
          />
        </>
      )}
    </Confirm>
  );
}

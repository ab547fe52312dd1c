import { useState } from 'preact/hooks';
import { api, ok, session, sessionEnd } from '../api/client.js';
import { messageOf } from '../state/messages.js';
import { Confirm } from '../ui/confirm.js';
import { Field } from '../ui/form.js';

const FIELDS = ['currentPassword'];

/** Taking one's data along, and deleting the account. */
export function Leaving() {
  const [deleting, setDeleting] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);

  async function save(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setFault(null);
    try {
      const file = await ok(api.GET('/v1/me/export', { parseAs: 'blob' }));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(file as unknown as Blob);
      link.download = 'platform-manager-account.json';
      link.click();
      URL.revokeObjectURL(link.href);
    } catch (error) {
      setFault(messageOf(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      <section class="panel" aria-labelledby="your-data">
        <h2 id="your-data">Your data</h2>
        <p>A file of everything that is kept about you, without passwords, keys and tokens.</p>
        {fault !== null && (
          <p class="notice bad" role="alert">
            {fault}
          </p>
        )}
        <div class="buttons">
          <button type="button" aria-disabled={busy} onClick={() => void save()}>
            {busy ? 'One moment…' : 'Download'}
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

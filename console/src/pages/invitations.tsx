import { useRef, useState } from 'preact/hooks';
import { Problem, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { hrefOf } from '../state/route.js';
import { Confirm } from '../ui/confirm.js';
import { Dialog } from '../ui/dialog.js';
import { Field, Select } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { Loaded } from '../ui/loaded.js';
import { Time } from '../ui/time.js';

const FIELDS = ['email', 'days'];
const LIFETIMES = { 1: '1 day', 7: '7 days', 30: '30 days' };

/** Where people need an invitation to create an account. Elsewhere they are not asked for one. */
export function Invitations() {
  const [inviting, setInviting] = useState(false);
  const [withdrawing, setWithdrawing] = useState<number | null>(null);
  const [attempt, setAttempt] = useState(0);
  const again = (): void => setAttempt(attempt + 1);
  const polled = usePolled(() => ok(api.GET('/v1/admin/invitations')), [attempt], 60_000);

  return (
    <section class="panel" aria-labelledby="invitations">
      <h2 id="invitations">Invitations</h2>
      <p class="hint">Each lets one person create an account where the registration is by invitation only.</p>
      <Loaded polled={polled} what="the invitations">
        {(open) => (
          <ul class="rows">
            {open.map(({ id, email, expiresAt }) => (
              <li key={id}>
                <div class="main">
                  <p>
                    <strong>{email ?? 'Anybody who has the link'}</strong>
                  </p>
                  <p class="hint">
                    Number {id} · ends <Time at={expiresAt} none="" />
                  </p>
                </div>
                <button type="button" onClick={() => setWithdrawing(id)}>
                  Withdraw<span class="visually-hidden"> invitation {id}</span>
                </button>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <div class="buttons">
        <button type="button" onClick={() => setInviting(true)}>
          Invite somebody
        </button>
      </div>
      {withdrawing !== null && (
        <Confirm
          title={`Withdraw invitation ${withdrawing}?`}
          action="Withdraw"
          danger
          onClose={() => setWithdrawing(null)}
          onConfirm={async () => {
            await withdraw(withdrawing);
            say('The invitation is withdrawn.');
            again();
          }}
        >
          {() => <p>Its link stops working. This cannot be undone.</p>}
        </Confirm>
      )}
      {inviting && <Invite onClose={() => setInviting(false)} onInvited={again} />}
    </section>
  );
}

async function withdraw(id: number): Promise<void> {
  try {
    await ok(api.DELETE('/v1/admin/invitations/{id}', { params: { path: { id } } }));
  } catch (error) {
    // Used or withdrawn elsewhere: it cannot be used any more, which is the wanted result.
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
}

interface Made {
  readonly link: string;
  readonly mailedTo: string | null;
}

interface InviteProps {
  readonly onClose: () => void;
  readonly onInvited: () => void;
}

function Invite({ onClose, onInvited }: InviteProps) {
  const [made, setMade] = useState<Made | null>(null);
  if (made !== null) {
    return (
      <Dialog
        title={made.mailedTo === null ? 'Send this link to the person' : 'The invitation is on its way'}
        onClose={onClose}
      >
        <Link {...made} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title="Invite somebody" onClose={onClose}>
      <Form
        fields={FIELDS}
        submitLabel="Make a link"
        onCancel={onClose}
        onSubmit={async ({ email = '', days = '7' }) => {
          const body = { days: Number(days), ...(email !== '' && { email }) };
          const { token, mailed } = await ok(api.POST('/v1/admin/invitations', { body }));
          const link = `${location.origin}${hrefOf('register')}#${token}`;
          setMade({ link, mailedTo: mailed ? email : null });
          onInvited();
        }}
      >
        {(errorOf) => (
          <>
            <Field
              name="email"
              type="email"
              label="E-mail address (optional)"
              hint="The link is sent there, if this server sends mail. If you leave it empty, anybody who has the link can use it"
              error={errorOf('email')}
            />
            <Select name="days" label="Valid for" value="7" options={LIFETIMES} error={errorOf('days')} />
          </>
        )}
      </Form>
    </Dialog>
  );
}

/** Once: the server keeps only a hash of the token. */
function Link({ link, mailedTo, onClose }: Made & { readonly onClose: () => void }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <>
      <p>
        {mailedTo !== null && `A link was sent to ${mailedTo}. You can also give them this one. `}
        It works once, and is shown only now.
      </p>
      <div class="field">
        <label for="invitation-link">Link</label>
        <input
          id="invitation-link"
          class="mono"
          ref={field}
          value={link}
          readOnly
          onFocus={() => field.current?.select()}
        />
      </div>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Done
        </button>
      </div>
    </>
  );
}

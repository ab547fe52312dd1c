import { useRef, useState } from 'preact/hooks';
import { type components } from '../../../clients/typescript/src/index.js';
import { api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { hasPasskeys, makePasskey } from '../state/passkeys.js';
import { Confirm } from '../ui/confirm.js';
import { Copied } from '../ui/copied.js';
import { Dialog } from '../ui/dialog.js';
import { Field } from '../ui/fields.js';
import { Loaded } from '../ui/loaded.js';
import { Time } from '../ui/time.js';

type Passkey = components['schemas']['PasskeyDto'];
type Step =
  | { readonly kind: 'add' }
  | { readonly kind: 'rename' | 'remove'; readonly passkey: Passkey }
  | { readonly kind: 'codes'; readonly codes: readonly string[] };

const NAME = ['name'];

/** Passkeys of the account: they log in without a password. */
export function Passkeys() {
  const [attempt, setAttempt] = useState(0);
  const [step, setStep] = useState<Step | null>(null);
  const polled = usePolled(() => ok(api.GET('/v1/me/passkeys')), [attempt], 60_000);
  const close = (): void => setStep(null);
  const again = (): void => setAttempt(attempt + 1);
  return (
    <section class="panel" aria-labelledby="passkeys">
      <h2 id="passkeys">Passkeys</h2>
      <p class="hint">Log in with your finger, your face or a security key, without a password.</p>
      <Loaded polled={polled} what="your passkeys">
        {(passkeys) => (
          <ul class="rows">
            {passkeys.map((passkey) => (
              <PasskeyRow key={passkey.id} passkey={passkey} onStep={setStep} />
            ))}
          </ul>
        )}
      </Loaded>
      {hasPasskeys ? (
        <div class="buttons">
          <button type="button" onClick={() => setStep({ kind: 'add' })}>
            Add a passkey
          </button>
        </div>
      ) : (
        <p class="hint">This browser offers passkeys over https only.</p>
      )}
      {step !== null && <StepDialog step={step} onClose={close} onStep={setStep} onChanged={again} />}
    </section>
  );
}

function PasskeyRow({
  passkey,
  onStep,
}: {
  readonly passkey: Passkey;
  readonly onStep: (step: Step) => void;
}) {
  const { name, createdAt, lastUsedAt } = passkey;
  return (
    <li>
      <div class="main">
        <p>
          <strong>{name}</strong>
        </p>
        <p class="hint">
          added <Time at={createdAt} none="" /> · last used <Time at={lastUsedAt} none="never" />
        </p>
      </div>
      <button type="button" onClick={() => onStep({ kind: 'rename', passkey })}>
        Rename<span class="visually-hidden"> {name}</span>
      </button>
      <button type="button" onClick={() => onStep({ kind: 'remove', passkey })}>
        Remove<span class="visually-hidden"> {name}</span>
      </button>
    </li>
  );
}

interface StepProps {
  readonly step: Step;
  readonly onClose: () => void;
  readonly onStep: (step: Step) => void;
  readonly onChanged: () => void;
}

function StepDialog({ step, onClose, onStep, onChanged }: StepProps) {
  switch (step.kind) {
    case 'add':
      return <AddPasskey onClose={onClose} onStep={onStep} onChanged={onChanged} />;
    case 'rename':
      return <RenamePasskey passkey={step.passkey} onClose={onClose} onChanged={onChanged} />;
    case 'remove':
      return <RemovePasskey passkey={step.passkey} onClose={onClose} onChanged={onChanged} />;
    case 'codes':
      return (
        <Dialog title="Keep these recovery codes" onClose={onClose}>
          <p>
            From now on your password alone does not log you in. Each of these does, once, in place of the
            passkey. They are shown only now: print them, or save them elsewhere.
          </p>
          <Copied id="passkey-codes" label="Recovery codes" text={step.codes.join('\n')} onDone={onClose} />
        </Dialog>
      );
  }
}

function AddPasskey({ onClose, onStep, onChanged }: Omit<StepProps, 'step'>) {
  // Not a state: the dialog closes with what it was when the form was sent.
  const codes = useRef<readonly string[]>([]);
  return (
    <Confirm
      title="Add a passkey"
      action="Continue"
      fields={NAME}
      onClose={() =>
        codes.current.length === 0 ? onClose() : onStep({ kind: 'codes', codes: codes.current })
      }
      onConfirm={async ({ name = '' }) => {
        const response = await makePasskey();
        const added = await ok(api.POST('/v1/me/passkeys', { body: { name, response } }));
        onChanged();
        if (added.recoveryCodes.length === 0) say(`“${name}” logs you in now.`);
        codes.current = added.recoveryCodes;
      }}
    >
      {(errorOf) => (
        <>
          <p>Your browser asks for your finger, your face or a security key next.</p>
          <Field name="name" label="Name" hint="For example “My laptop”" required error={errorOf('name')} />
        </>
      )}
    </Confirm>
  );
}

interface ChangeProps {
  readonly passkey: Passkey;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}

function RenamePasskey({ passkey: { id, name: before }, onClose, onChanged }: ChangeProps) {
  return (
    <Confirm
      title={`Rename “${before}”`}
      action="Save"
      fields={NAME}
      onClose={onClose}
      onConfirm={async ({ name = '' }) => {
        await ok(api.PATCH('/v1/me/passkeys/{id}', { params: { path: { id } }, body: { name } }));
        onChanged();
      }}
    >
      {(errorOf) => <Field name="name" label="Name" defaultValue={before} required error={errorOf('name')} />}
    </Confirm>
  );
}

function RemovePasskey({ passkey: { id, name }, onClose, onChanged }: ChangeProps) {
  return (
    <Confirm
      title={`Remove “${name}”?`}
      action="Remove"
      danger
      onClose={onClose}
      onConfirm={async () => {
        await ok(api.DELETE('/v1/me/passkeys/{id}', { params: { path: { id } } }));
        onChanged();
      }}
    >
      {() => <p>It does not log you in any more. With your last second factor the recovery codes go too.</p>}
    </Confirm>
  );
}

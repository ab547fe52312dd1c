import { useEffect, useState } from 'preact/hooks';
import { api, ok } from '../api/client.js';
import { messageOf } from '../state/messages.js';
import { Dialog } from '../ui/dialog.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { QrCode } from '../ui/qr-code.js';

const FIELDS = ['code'];

interface SetUpProps {
  readonly onClose: () => void;
  readonly onCodes: (recoveryCodes: readonly string[]) => void;
}

interface Begun {
  readonly secret: string;
  readonly uri: string;
}

export function SetUpAuthenticator({ onClose, onCodes }: SetUpProps) {
  const [begun, setBegun] = useState<Begun | null>(null);
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    ok(api.POST('/v1/me/totp')).then(setBegun, (error: unknown) => setFault(messageOf(error)));
  }, []);

  return (
    <Dialog title="Set up an authenticator app" onClose={onClose}>
      {begun === null ? (
        <>
          {fault === null ? (
            <p class="loading">Loading…</p>
          ) : (
            <p class="notice bad" role="alert">
              {fault}
            </p>
          )}
          <div class="buttons">
            <button type="button" onClick={onClose}>
              Cancel
            </button>
          </div>
        </>
      ) : (
        <>
          <p>Scan this with the app, or type the key into it. Then type the code that it shows.</p>
          <QrCode text={begun.uri} label="QR code for the app" />
          <p class="mono">{begun.secret.replaceAll(/.{4}(?=.)/g, '$& ')}</p>
          <Form
            fields={FIELDS}
            submitLabel="Turn on"
            onCancel={onClose}
            onSubmit={async ({ code = '' }) => {
              const body = { code: code.replaceAll(' ', '') };
              onCodes((await ok(api.PUT('/v1/me/totp', { body }))).recoveryCodes);
            }}
          >
            {(errorOf) => (
              <Field
                name="code"
                label="Code"
                autocomplete="one-time-code"
                spellcheck={false}
                required
                error={errorOf('code')}
              />
            )}
          </Form>
        </>
      )}
    </Dialog>
  );
}

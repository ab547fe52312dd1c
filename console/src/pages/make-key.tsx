import { useState } from 'preact/hooks';
import { type NewApiKey, api, ok } from '../api/client.js';
import { platforms } from '../state/platforms.js';
import { Copied } from '../ui/copied.js';
import { Dialog } from '../ui/dialog.js';
import { Checks, Field, Form, Select } from '../ui/form.js';
import { SCOPE_WORDS, type Scope } from '../ui/words.js';

const DAY_MS = 86_400_000;
const LIFETIMES = { 30: '30 days', 90: '90 days', 365: '1 year', 0: 'Until it is revoked' };
const FIELDS = ['name', 'scopes', 'expiresAt', 'policy', 'policy/addresses', 'policy/platformIds'];

interface MakeProps {
  readonly onClose: () => void;
  readonly onMade: () => void;
}

export function MakeKey({ onClose, onMade }: MakeProps) {
  const [made, setMade] = useState<string | null>(null);
  if (made !== null) {
    return (
      <Dialog title="Copy your API key now" onClose={onClose}>
        <Shown secret={made} onClose={onClose} />
      </Dialog>
    );
  }
  return (
    <Dialog title="Make an API key" onClose={onClose}>
      <Form
        fields={FIELDS}
        submitLabel="Make key"
        onCancel={onClose}
        onSubmit={async (values) => {
          const { key } = await ok(api.POST('/v1/api-keys', { body: bodyOf(values) }));
          setMade(key);
          onMade();
        }}
      >
        {(errorOf) => (
          <>
            <Field
              name="name"
              label="Name"
              hint="What uses it, for example “Alt text worker”"
              required
              error={errorOf('name')}
            />
            <Checks legend="It may" name="scopes" options={SCOPE_WORDS} error={errorOf('scopes')} />
            <Select
              name="days"
              label="Valid for"
              value="90"
              options={LIFETIMES}
              error={errorOf('expiresAt')}
            />
            <Limits errorOf={errorOf} />
          </>
        )}
      </Form>
    </Dialog>
  );
}

function Limits({ errorOf }: { readonly errorOf: (field: string) => string | undefined }) {
  const list = platforms.value ?? [];
  return (
    <details>
      <summary>Limit it further</summary>
      <div class="stack">
        {list.length > 0 && (
          <Checks
            legend="Only these connections"
            hint="None chosen: all of them"
            name="platformIds"
            options={Object.fromEntries(list.map(({ id, name }) => [id, name]))}
            error={errorOf('policy/platformIds')}
          />
        )}
        <Field
          name="addresses"
          label="Only from these addresses"
          hint="IP addresses or ranges such as 203.0.113.0/24, separated by commas. Empty: from anywhere"
          spellcheck={false}
          error={errorOf('policy/addresses')}
        />
      </div>
    </details>
  );
}

/** Once: the server keeps only its hash. */
function Shown({ secret, onClose }: { readonly secret: string; readonly onClose: () => void }) {
  return (
    <>
      <p>This is the only time that it is shown. The server stores only a hash of it.</p>
      <Copied id="new-key" label="API key" text={secret} onDone={onClose} />
    </>
  );
}

function bodyOf(values: Readonly<Record<string, string>>): NewApiKey {
  const chosen = (name: string): string[] =>
    Object.keys(values).flatMap((field) =>
      field.startsWith(`${name}.`) ? [field.slice(name.length + 1)] : [],
    );
  const days = Number(values.days);
  const platformIds = chosen('platformIds').map(Number);
  const addresses = (values.addresses ?? '').split(',').flatMap((text) => text.trim() || []);
  const policy = {
    ...(platformIds.length > 0 && { platformIds }),
    ...(addresses.length > 0 && { addresses }),
  };
  return {
    name: values.name ?? '',
    scopes: chosen('scopes') as Scope[],
    ...(days > 0 && { expiresAt: new Date(Date.now() + days * DAY_MS).toISOString() }),
    ...(Object.keys(policy).length > 0 && { policy }),
  };
}

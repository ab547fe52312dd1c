import { useState } from 'preact/hooks';
import { type NewApiKey, api, ok } from '../api/client.js';
import { Copied } from '../ui/copied.js';
import { Dialog } from '../ui/dialog.js';
import { Checks, Field, Select } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { SCOPE_WORDS, type Scope } from '../ui/words.js';
import { LIMIT_FIELDS, Limits, chosenIn, policyOf } from './key-limits.js';

const DAY_MS = 86_400_000;
const ON_A_DAY = 'day';
const LIFETIMES = {
  ...{ 30: '30 days', 90: '90 days', 365: '1 year', 0: 'Until it is revoked' },
  [ON_A_DAY]: 'Until a day that I choose',
};
const FIELDS = ['name', 'scopes', 'expiresAt', 'policy', ...LIMIT_FIELDS];

interface MakeProps {
  readonly onClose: () => void;
  readonly onMade: () => void;
}

export function MakeKey({ onClose, onMade }: MakeProps) {
  const [made, setMade] = useState<string | null>(null);
  const [days, setDays] = useState('90');
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
              value={days}
              options={LIFETIMES}
              onChange={setDays}
              error={days === ON_A_DAY ? undefined : errorOf('expiresAt')}
            />
            {days === ON_A_DAY && (
              <Field name="until" type="date" label="Last day" required error={errorOf('expiresAt')} />
            )}
            <Limits errorOf={errorOf} />
          </>
        )}
      </Form>
    </Dialog>
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
  const policy = policyOf(values);
  const expiresAt = endOf(values);
  return {
    name: values.name ?? '',
    scopes: chosenIn(values, 'scopes') as Scope[],
    ...(expiresAt !== undefined && { expiresAt }),
    ...(policy !== undefined && { policy }),
  };
}

/** Undefined: until it is revoked. */
function endOf({ days, until = '' }: Readonly<Record<string, string>>): string | undefined {
  // The end of that day where the person is. Without a day, the server says what is wrong.
  if (days === ON_A_DAY) return until === '' ? '' : new Date(`${until}T23:59:59`).toISOString();
  const lifetime = Number(days);
  return lifetime > 0 ? new Date(Date.now() + lifetime * DAY_MS).toISOString() : undefined;
}

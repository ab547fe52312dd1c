import { useState } from 'preact/hooks';
import { type NewPlatform, type Platform, api, ok } from '../api/client.js';
import { say } from '../state/messages.js';
import { write } from '../state/platforms.js';
import { Dialog } from '../ui/dialog.js';
import { Field, Form, SecretField, Select } from '../ui/form.js';
import { STATUS_LABELS, TYPE_LABELS } from '../ui/labels.js';

interface Closable {
  readonly onClose: () => void;
}

export function AddPlatform({ onClose }: Closable) {
  const [way, setWay] = useState<'oauth' | 'token'>('oauth');
  return (
    <Dialog title="Add a platform" onClose={onClose}>
      <fieldset class="ways">
        <legend>How</legend>
        <label>
          <input type="radio" name="way" checked={way === 'oauth'} onChange={() => setWay('oauth')} /> Log in
          at the instance
        </label>
        <label>
          <input type="radio" name="way" checked={way === 'token'} onChange={() => setWay('token')} /> With an
          access token
        </label>
      </fieldset>
      {way === 'oauth' ? <ByOAuth onClose={onClose} /> : <ByToken onClose={onClose} />}
    </Dialog>
  );
}

/** The way back ends in a page of its own, which tells this one: a token in memory would not survive the journey. */
function ByOAuth({ onClose }: Closable) {
  const [authorizationUrl, setAuthorizationUrl] = useState<string | null>(null);
  if (authorizationUrl !== null) {
    return (
      <>
        <p>
          Log in there and agree; it opens in a new tab. You may close this dialog, the account appears among
          your platforms.
        </p>
        <div class="buttons">
          <a
            class="button primary"
            href={authorizationUrl}
            target="_blank"
            rel="noopener noreferrer"
            ref={focus}
          >
            Continue at {new URL(authorizationUrl).host}
          </a>
          <button type="button" onClick={onClose}>
            Close
          </button>
        </div>
      </>
    );
  }
  return (
    <Form
      fields={['instance', 'name']}
      submitLabel="Continue"
      onCancel={onClose}
      onSubmit={async ({ instance = '', name = '' }) => {
        const returnTo = new URL('/console/', location.href).href;
        const body = { instance, returnTo, ...(name !== '' && { name }) };
        setAuthorizationUrl((await ok(api.POST('/v1/connect', { body }))).authorizationUrl);
      }}
    >
      {(errorOf) => (
        <>
          <Field
            name="instance"
            label="Instance or handle"
            hint="For example mastodon.social or @alice@mastodon.social"
            spellcheck={false}
            required
            error={errorOf('instance')}
          />
          <Field name="name" label="Name (optional)" error={errorOf('name')} />
        </>
      )}
    </Form>
  );
}

const FIELDS = [
  'name',
  'platformType',
  'instanceUrl',
  'username',
  'accessToken',
  'clientKey',
  'clientSecret',
];
const OPTIONAL = ['username', 'clientKey', 'clientSecret'];

function ByToken({ onClose }: Closable) {
  return (
    <Form
      fields={FIELDS}
      submitLabel="Add and test"
      onCancel={onClose}
      onSubmit={async (values) => {
        const added = await write(() => add(values));
        say(`“${added.name}” is added: ${STATUS_LABELS[added.status]}.`);
        onClose();
      }}
    >
      {(errorOf) => (
        <>
          <Field name="name" label="Name" required error={errorOf('name')} />
          <Select name="platformType" label="Type" options={TYPE_LABELS} error={errorOf('platformType')} />
          <Field
            name="instanceUrl"
            label="Instance"
            hint="For example https://mastodon.social"
            spellcheck={false}
            required
            error={errorOf('instanceUrl')}
          />
          <Field name="username" label="Username (optional)" spellcheck={false} error={errorOf('username')} />
          <SecretField name="accessToken" label="Access token" required error={errorOf('accessToken')} />
          <SecretField name="clientKey" label="Client key (optional)" error={errorOf('clientKey')} />
          <SecretField name="clientSecret" label="Client secret (optional)" error={errorOf('clientSecret')} />
        </>
      )}
    </Form>
  );
}

function add(values: Readonly<Record<string, string>>): Promise<Platform> {
  const given = Object.entries(values).filter(([field, value]) => value !== '' || !OPTIONAL.includes(field));
  // What does not fit is the API's to refuse, field by field.
  const body = Object.fromEntries(given) as unknown as NewPlatform;
  return ok(api.POST('/v1/platforms', { params: { query: { test: true } }, body }));
}

/** The same function each time: another one would be called at every render, and take the focus back. */
const focus = (link: HTMLElement | null): void => link?.focus();

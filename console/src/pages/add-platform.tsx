import { useState } from 'preact/hooks';
import { type NewPlatform, type Platform, api, ok } from '../api/client.js';
import { returnAddress } from '../state/connect.js';
import { say } from '../state/messages.js';
import { write } from '../state/platforms.js';
import { Dialog } from '../ui/dialog.js';
import { Field, Form, SecretField, Select } from '../ui/form.js';
import { PASTED_LABELS, STATUS_LABELS } from '../ui/labels.js';

interface Closable {
  readonly onClose: () => void;
}

export function AddPlatform({ onClose }: Closable) {
  const [way, setWay] = useState<'oauth' | 'token'>('oauth');
  return (
    <Dialog title="Add a platform" onClose={onClose}>
      <fieldset class="ways">
        <legend>Method</legend>
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

/**
 * Opens the instance in a new tab, because leaving this page would lose the token in memory. The callback ends in that
 * tab, which hands the attempt over to this page to finish it.
 */
export function ByOAuth({ instance: known, onClose }: Closable & { readonly instance?: string }) {
  const [authorizationUrl, setAuthorizationUrl] = useState<string | null>(null);
  if (authorizationUrl !== null) {
    return (
      <>
        <p>
          The instance opens in a new tab. Log in and approve the access. You can close this dialog; the
          account will appear among your platforms.
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
      onSubmit={async ({ instance = '', name = '', forceLogin }) => {
        const wanted = { instance, returnTo: returnAddress(), forceLogin: forceLogin !== undefined };
        const body = { ...wanted, ...(name !== '' && { name }) };
        setAuthorizationUrl((await ok(api.POST('/v1/connect', { body }))).authorizationUrl);
      }}
    >
      {(errorOf) => (
        <>
          <Field
            name="instance"
            label="Instance or handle"
            {...(known !== undefined && { defaultValue: known })}
            hint="For example mastodon.social, @alice@mastodon.social or alice.bsky.social"
            spellcheck={false}
            required
            error={errorOf('instance')}
          />
          <Field name="name" label="Name (optional)" error={errorOf('name')} />
          <label>
            <input type="checkbox" name="forceLogin" /> Let me choose the account at the instance
          </label>
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
        say(`“${added.name}” added: ${STATUS_LABELS[added.status]}.`);
        onClose();
      }}
    >
      {(errorOf) => (
        <>
          <Field name="name" label="Name" required error={errorOf('name')} />
          <Select name="platformType" label="Type" options={PASTED_LABELS} error={errorOf('platformType')} />
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
  const fields = Object.entries(values).filter(([field, value]) => value !== '' || !OPTIONAL.includes(field));
  // Not validated here: the API reports errors for each field.
  const body = Object.fromEntries(fields) as unknown as NewPlatform;
  return ok(api.POST('/v1/platforms', { params: { query: { test: true } }, body }));
}

/** Defined outside the component: Preact would call a new function at every render and move the focus back. */
const focus = (link: HTMLElement | null): void => link?.focus();

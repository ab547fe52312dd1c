import { useState } from 'preact/hooks';
import { type NewPlatform, type Platform, api, ok } from '../api/client.js';
import { type Lookup, lookUp } from '../api/use-lookup.js';
import { remove } from '../list/bulk.js';
import { messageOf, say, warn } from '../state/messages.js';
import { platforms, write } from '../state/platforms.js';
import { Field, SecretField, Select } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { InstanceField } from '../ui/instance-field.js';
import { labelsIn } from '../ui/label-text.js';
import { LabelsField } from '../ui/labels-field.js';
import { PASTED_LABELS, STATUS_LABELS } from '../ui/labels.js';
import { More } from '../ui/more.js';
import type { ByOAuthProps } from './by-oauth.js';

const FIELDS = [
  'name',
  'platformType',
  'instanceUrl',
  'username',
  'accessToken',
  'clientKey',
  'clientSecret',
  'labels',
  'externalId',
];
const SECRETS = ['accessToken', 'clientKey', 'clientSecret'] as const;
const OPTIONAL = ['username', 'clientKey', 'clientSecret', 'labels', 'externalId'];
const HANDLE = /^@?([^\s@/:]+)@[^\s@/]+$/;

type Values = Readonly<Record<string, string>>;

interface Twice {
  readonly added: Platform;
  readonly other: Platform;
  readonly values: Values;
}

export function ByToken({ typed, onType, lookup, onClose }: ByOAuthProps) {
  const [twice, setTwice] = useState<Twice | null>(null);
  if (twice !== null) return <ConnectedTwice {...twice} onClose={onClose} />;
  return (
    <Form
      fields={FIELDS}
      submitLabel="Add and test"
      onCancel={onClose}
      onSubmit={async (values) => {
        const body = bodyOf(values, typed.trim() === '' ? { kind: 'idle' } : await lookUp(typed));
        const { added, sameAccountAs } = await write(() => add(body));
        const other = platforms.value?.find(({ id }) => id === sameAccountAs);
        if (other === undefined) onClose();
        else setTwice({ added, other, values });
      }}
    >
      {(errorOf) => (
        <>
          <InstanceField
            name="instanceUrl"
            value={typed}
            lookup={lookup}
            onInput={onType}
            error={errorOf('instanceUrl')}
          />
          {lookup.kind === 'unknown' && (
            <Select
              name="platformType"
              label="What runs there"
              options={PASTED_LABELS}
              error={errorOf('platformType')}
            />
          )}
          <SecretField name="accessToken" label="Access token" required error={errorOf('accessToken')} />
          <Field
            name="name"
            label="Name (optional)"
            hint="Otherwise the account or the instance"
            error={errorOf('name')}
          />
          <More open={OPTIONAL.some((field) => errorOf(field) !== undefined)}>
            <Field
              name="username"
              label="Username (optional)"
              hint="Otherwise the test finds it out"
              spellcheck={false}
              error={errorOf('username')}
            />
            <SecretField name="clientKey" label="Client key (optional)" error={errorOf('clientKey')} />
            <SecretField
              name="clientSecret"
              label="Client secret (optional)"
              error={errorOf('clientSecret')}
            />
            <LabelsField error={errorOf('labels')} />
            <Field
              name="externalId"
              label="Your own ID for it (optional)"
              spellcheck={false}
              error={errorOf('externalId')}
            />
          </More>
        </>
      )}
    </Form>
  );
}

function bodyOf(values: Values, lookup: Lookup): NewPlatform {
  const instance = lookup.kind === 'found' ? lookup.instance : null;
  if (instance !== null && instance.platformType === null)
    throw new Error(`${new URL(instance.origin).host} runs ${instance.software}, which cannot be connected.`);
  if (instance?.platformType === 'bluesky')
    throw new Error(`A token alone is of no use at ${new URL(instance.origin).host}. Log in there instead.`);
  const typed = values.instanceUrl?.trim() ?? '';
  const instanceUrl = instance?.origin ?? typed;
  const username = values.username || HANDLE.exec(typed)?.[1] || '';
  const name = values.name || nameFor(username, instanceUrl);
  // The API says what is wrong with all of them at once. Without an address it does not get as far as the type.
  const platformType = instance?.platformType ?? values.platformType ?? 'mastodon_api';
  const all = { ...values, username, name, instanceUrl, platformType };
  const given = Object.entries(all).filter(([field, value]) => value !== '' || !OPTIONAL.includes(field));
  const labels = values.labels ? { labels: labelsIn(values.labels) } : {};
  return { ...Object.fromEntries(given), ...labels } as unknown as NewPlatform;
}

/** Names are unique. */
function nameFor(username: string, instanceUrl: string): string {
  const host = instanceUrl.replace(/^https?:\/\//, '') || 'New platform';
  const wanted = (username === '' ? host : `${username}@${host}`).slice(0, 90);
  const taken = new Set(platforms.value?.map(({ name }) => name));
  let name = wanted;
  for (let number = 2; taken.has(name); number += 1) name = `${wanted} (${number})`;
  return name;
}

/** Adds it and says how its test went. What has been added stays when it cannot be tested now. */
async function add(body: NewPlatform): Promise<{ added: Platform; sameAccountAs: number | null }> {
  const added = await ok(api.POST('/v1/platforms', { body }));
  const params = { path: { id: added.id } };
  try {
    const { outcome, detail, sameAccountAs } = await ok(api.POST('/v1/platforms/{id}/test', { params }));
    if (outcome === 'connected') say(`“${added.name}” added: ${STATUS_LABELS[outcome]}.`);
    else warn(`“${added.name}” added, but: ${STATUS_LABELS[outcome]}. ${detail}`);
    return { added, sameAccountAs };
  } catch (error) {
    warn(`“${added.name}” added, but not tested. ${messageOf(error)}`);
    return { added, sameAccountAs: null };
  }
}

function ConnectedTwice({ added, other, values, onClose }: Twice & { readonly onClose: () => void }) {
  return (
    <>
      <p role="alert">
        <strong>This account is connected already, as “{other.name}”.</strong> Two connections of one account
        need two tests, two tokens and twice the care.
      </p>
      <Form
        fields={[]}
        submitLabel={`Use the new token for “${other.name}”`}
        onSubmit={async () => {
          await write(async () => {
            await remove(added.id, false);
            const body = Object.fromEntries(
              SECRETS.flatMap((field) => (values[field] ? [[field, values[field]] as const] : [])),
            );
            const params = { path: { id: other.id }, query: { test: true } };
            await ok(api.PATCH('/v1/platforms/{id}', { params, body }));
          });
          say(`“${other.name}” has the new token. “${added.name}” is gone again.`);
          onClose();
        }}
      >
        {() => null}
      </Form>
      <div class="buttons">
        <button type="button" onClick={onClose}>
          Keep both
        </button>
      </div>
    </>
  );
}

import { useState } from 'preact/hooks';
import { type Platform, type PlatformChange, Problem, api, ok } from '../api/client.js';
import { useLookup } from '../api/use-lookup.js';
import { say, warn } from '../state/messages.js';
import { platforms, write } from '../state/platforms.js';
import { Dialog } from '../ui/dialog.js';
import { Field, SecretField, Select } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { labelsIn, labelsText } from '../ui/label-text.js';
import { LabelsField } from '../ui/labels-field.js';
import { PASTED_LABELS, STATUS_LABELS, TYPE_LABELS } from '../ui/labels.js';

interface EditProps {
  readonly platform: Platform;
  readonly onClose: () => void;
}

const SHOWN = ['name', 'platformType', 'instanceUrl', 'username', 'externalId'] as const;
/** Where an empty field means none. */
const CLEARED = ['username', 'externalId'];
const SECRET = ['accessToken', 'clientKey', 'clientSecret'] as const;

/** Saves only over the version that it shows (If-Match). */
export function EditPlatform({ platform: opened, onClose }: EditProps) {
  const [shown, setShown] = useState(opened);
  const [instance, setInstance] = useState(opened.instanceUrl);
  // Its server, tokens and key come from logging in there, and belong together.
  const byConsent = shown.platformType === 'bluesky';
  const [type, setType] = useState<string>(opened.platformType);
  const lookup = useLookup(instance);
  const detected = lookup.kind === 'found' ? lookup.instance.platformType : null;
  const moves = instance !== shown.instanceUrl;
  const latest = platforms.value?.find(({ id }) => id === shown.id);
  const gone = platforms.value !== null && latest === undefined;
  const show = (platform: Platform) => {
    setShown(platform);
    setInstance(platform.instanceUrl);
    setType(platform.platformType);
  };
  return (
    <Dialog title={`Edit “${opened.name}”`} onClose={onClose}>
      <div role="status">
        {gone && <p class="notice bad">This connection was deleted elsewhere.</p>}
        {latest !== undefined && latest.version !== shown.version && (
          <div class="notice waiting">
            <p>This connection was changed elsewhere since you opened it, so your changes cannot be saved.</p>
            <button type="button" onClick={() => show(latest)}>
              Show current values
            </button>
          </div>
        )}
      </div>
      <Form
        key={shown.version}
        fields={[...SHOWN, 'labels', ...SECRET]}
        submitLabel="Save"
        onCancel={onClose}
        explain={(error) =>
          error instanceof Problem && error.status === 412
            ? 'Not saved: this connection was changed elsewhere since you opened it.'
            : undefined
        }
        onSubmit={async (values) => {
          const saved = await write(() => save(shown, values));
          if (!isTested(shown, values)) say(`“${saved.name}” saved.`);
          else if (saved.status === 'connected') say(`“${saved.name}” saved. Connected.`);
          else warn(`“${saved.name}” saved. ${STATUS_LABELS[saved.status]}. ${saved.lastError ?? ''}`);
          onClose();
        }}
      >
        {(errorOf) => (
          <>
            <Field name="name" label="Name" defaultValue={shown.name} required error={errorOf('name')} />
            {!byConsent && (
              <>
                <Select
                  name="platformType"
                  label="Type"
                  value={type}
                  options={PASTED_LABELS}
                  onChange={setType}
                  error={errorOf('platformType')}
                />
                {detected !== null && detected !== type && (
                  <div class="notice waiting" role="status">
                    <p>
                      {lookup.kind === 'found' && new URL(lookup.instance.origin).host} answers as{' '}
                      {TYPE_LABELS[detected]}.
                    </p>
                    <button type="button" onClick={() => setType(detected)}>
                      Use {TYPE_LABELS[detected]}
                    </button>
                  </div>
                )}
                <Field
                  name="instanceUrl"
                  label="Instance"
                  defaultValue={shown.instanceUrl}
                  spellcheck={false}
                  required
                  onInput={setInstance}
                  error={errorOf('instanceUrl')}
                />
              </>
            )}
            <Field
              name="username"
              label="Username (optional)"
              defaultValue={shown.username ?? ''}
              spellcheck={false}
              error={errorOf('username')}
            />
            <LabelsField defaultValue={labelsText(shown.labels)} error={errorOf('labels')} />
            <Field
              name="externalId"
              label="Your own ID for it (optional)"
              defaultValue={shown.externalId ?? ''}
              spellcheck={false}
              error={errorOf('externalId')}
            />
            {!byConsent && (
              <>
                <SecretField
                  name="accessToken"
                  label="New access token"
                  required={moves}
                  hint={
                    moves
                      ? 'A token of the new instance. Credentials of the old one are never sent there'
                      : 'Leave empty to keep the current token'
                  }
                  error={errorOf('accessToken')}
                />
                <SecretField name="clientKey" label="New client key" error={errorOf('clientKey')} />
                <SecretField name="clientSecret" label="New client secret" error={errorOf('clientSecret')} />
              </>
            )}
          </>
        )}
      </Form>
    </Dialog>
  );
}

/** A new token or instance is tested at once, for its result to be seen. */
function isTested(shown: Platform, values: Readonly<Record<string, string>>): boolean {
  return SECRET.some((field) => (values[field] ?? '') !== '') || values.instanceUrl !== shown.instanceUrl;
}

function save(shown: Platform, values: Readonly<Record<string, string>>): Promise<Platform> {
  const changed = SHOWN.filter((field) => field in values && (values[field] ?? '') !== (shown[field] ?? ''));
  const secrets = SECRET.filter((field) => (values[field] ?? '') !== '');
  const body = Object.fromEntries(
    [...changed, ...secrets].map((field) => {
      const value = values[field] ?? '';
      return [field, CLEARED.includes(field) && value === '' ? null : value];
    }),
  ) as PlatformChange;
  const labels = values.labels ?? '';
  const relabelled = labels === labelsText(shown.labels) ? {} : { labels: labelsIn(labels) };
  return ok(
    api.PATCH('/v1/platforms/{id}', {
      params: {
        path: { id: shown.id },
        header: { 'If-Match': `"${shown.version}"` },
        query: { test: isTested(shown, values) },
      },
      body: { ...body, ...relabelled },
    }),
  );
}

import { useEffect, useState } from 'preact/hooks';
import { api, ok, staysSignedIn } from '../api/client.js';
import type { Lookup } from '../api/use-lookup.js';
import { finished, returnAddress } from '../state/connect.js';
import { Field } from '../ui/fields.js';
import { Form } from '../ui/form.js';
import { InstanceField } from '../ui/instance-field.js';
import { labelsIn } from '../ui/label-text.js';
import { LabelsField } from '../ui/labels-field.js';
import { More } from '../ui/more.js';

export interface ByOAuthProps {
  readonly typed: string;
  readonly onType: (typed: string) => void;
  readonly lookup: Lookup;
  readonly onClose: () => void;
}

/**
 * Goes to the instance, which sends the browser back to this page. Where a session lives in memory only, leaving this page
 * would end it: there the instance opens in a new tab, which hands the attempt over to this page to finish it.
 */
export function ByOAuth({ typed, onType, lookup, onClose }: ByOAuthProps) {
  const [authorizationUrl, setAuthorizationUrl] = useState<string | null>(null);
  if (authorizationUrl !== null) return <InNewTab address={authorizationUrl} onClose={onClose} />;
  const canChoose = lookup.kind !== 'found' || lookup.instance.features?.forceLogin !== false;
  return (
    <Form
      fields={['instance', 'name', 'labels']}
      submitLabel="Continue"
      onCancel={onClose}
      onSubmit={async ({ instance = '', name = '', labels = '', forceLogin }) => {
        const wanted = { instance, returnTo: returnAddress(), forceLogin: forceLogin !== undefined };
        const body = {
          ...wanted,
          ...(name !== '' && { name }),
          ...(labels !== '' && { labels: labelsIn(labels) }),
        };
        const begun = await ok(api.POST('/v1/connect', { body }));
        if (staysSignedIn) location.assign(begun.authorizationUrl);
        else setAuthorizationUrl(begun.authorizationUrl);
      }}
    >
      {(errorOf) => (
        <>
          <InstanceField
            name="instance"
            value={typed}
            lookup={lookup}
            onInput={onType}
            error={errorOf('instance')}
          />
          <Field name="name" label="Name (optional)" error={errorOf('name')} />
          {canChoose && (
            <label class="check">
              <input type="checkbox" name="forceLogin" /> Let me choose the account at the instance
            </label>
          )}
          <More open={errorOf('labels') !== undefined}>
            <LabelsField error={errorOf('labels')} />
          </More>
        </>
      )}
    </Form>
  );
}

function InNewTab({ address, onClose }: { readonly address: string; readonly onClose: () => void }) {
  const { value: count } = finished;
  const [before] = useState(count);
  useEffect(() => {
    if (count !== before) onClose();
  }, [count]);
  return (
    <>
      <p>
        The instance opens in a new tab. Log in and approve the access. This dialog closes when it is done.
      </p>
      <div class="buttons">
        <a class="button primary" href={address} target="_blank" rel="noopener noreferrer" ref={focus}>
          Continue at {new URL(address).host}
        </a>
        <button type="button" onClick={onClose}>
          Close
        </button>
      </div>
    </>
  );
}

/** Defined outside the component: Preact would call a new function at every render and move the focus back. */
const focus = (link: HTMLElement | null): void => link?.focus();

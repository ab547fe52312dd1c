import type { Lookup } from '../api/use-lookup.js';
import { Field } from './fields.js';
import { TYPE_LABELS } from './labels.js';
import { SoftwareMark } from './software-mark.js';

interface InstanceFieldProps {
  readonly name: string;
  readonly value: string;
  readonly lookup: Lookup;
  readonly error: string | undefined;
  readonly onInput: (value: string) => void;
}

/** Takes whatever people have: a handle, a host, the address of a profile. Says what it has found there. */
export function InstanceField({ name, value, lookup, error, onInput }: InstanceFieldProps) {
  return (
    <div class="instance">
      <Field
        name={name}
        label="Instance or account"
        defaultValue={value}
        hint="For example mastodon.social, @alice@mastodon.social, alice.bsky.social or the address of a profile"
        spellcheck={false}
        required
        onInput={onInput}
        error={error}
      />
      <div role="status" class="found">
        <Finding lookup={lookup} />
      </div>
    </div>
  );
}

function Finding({ lookup }: { readonly lookup: Lookup }) {
  switch (lookup.kind) {
    case 'idle':
      return null;
    case 'looking':
      return <p class="hint">Looking…</p>;
    case 'invalid':
    case 'unknown':
      return <p class="notice waiting">{lookup.message}</p>;
    case 'found': {
      const { origin, software, version, title, platformType } = lookup.instance;
      const { host } = new URL(origin);
      if (platformType === null) {
        return (
          <p class="notice bad">
            {host} runs {software}, which cannot be connected.
          </p>
        );
      }
      const isNamed = platformType !== 'mastodon_api' && platformType !== 'misskey';
      return (
        <p class="notice good finding">
          <SoftwareMark type={platformType} />
          <span>
            <strong>{title ?? host}</strong>
            <br />
            {isNamed ? TYPE_LABELS[platformType] : software} {version} at {host}
          </span>
        </p>
      );
    }
  }
}

import type { NewApiKey } from '../api/client.js';
import { platforms } from '../state/platforms.js';
import { Checks, Field } from '../ui/fields.js';
import { METHOD_WORDS } from '../ui/words.js';

type Policy = NonNullable<NewApiKey['policy']>;

export const LIMIT_FIELDS = ['addresses', 'platformIds', 'methods', 'paths', 'perMinute'].map(
  (field) => `policy/${field}`,
);

/** What a key is limited to beyond its scopes. */
export function Limits({ errorOf }: { readonly errorOf: (field: string) => string | undefined }) {
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
        <Checks
          legend="What it may do at servers"
          hint="Where it uses connections at their servers. None chosen: only read"
          name="methods"
          options={METHOD_WORDS}
          error={errorOf('policy/methods')}
        />
        <Field
          name="paths"
          label="Only these paths at servers"
          hint="Such as /api/v1/statuses/* or /api/v2/**, separated by commas. Empty: all of them"
          spellcheck={false}
          error={errorOf('policy/paths')}
        />
        <Field
          name="perMinute"
          type="number"
          label="Requests to servers a minute, at most"
          hint="Empty: as many as this server allows"
          error={errorOf('policy/perMinute')}
        />
      </div>
    </details>
  );
}

/** Undefined without any limit. */
export function policyOf(values: Readonly<Record<string, string>>): Policy | undefined {
  const platformIds = chosenIn(values, 'platformIds').map(Number);
  const methods = chosenIn(values, 'methods') as NonNullable<Policy['methods']>;
  const addresses = listIn(values.addresses);
  const paths = listIn(values.paths);
  const policy: Policy = {
    ...(platformIds.length > 0 && { platformIds }),
    ...(addresses.length > 0 && { addresses }),
    ...(methods.length > 0 && { methods }),
    ...(paths.length > 0 && { paths }),
    ...((values.perMinute ?? '') !== '' && { perMinute: Number(values.perMinute) }),
  };
  return Object.keys(policy).length > 0 ? policy : undefined;
}

/** The ticked options of a group of checkboxes. */
export function chosenIn(values: Readonly<Record<string, string>>, name: string): string[] {
  return Object.keys(values).flatMap((field) =>
    field.startsWith(`${name}.`) ? [field.slice(name.length + 1)] : [],
  );
}

function listIn(text = ''): string[] {
  return text.split(',').flatMap((one) => one.trim() || []);
}

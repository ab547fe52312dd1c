import { useState } from 'preact/hooks';
import { type ApiKey, Problem, api, ok } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { platforms } from '../state/platforms.js';
import { Confirm } from '../ui/confirm.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { PageTitle } from '../ui/page-title.js';
import { Time } from '../ui/time.js';
import { METHOD_WORDS, SCOPE_WORDS } from '../ui/words.js';
import { MakeKey } from './make-key.js';

type Open = { readonly kind: 'make' } | { readonly kind: 'revoke'; readonly key: ApiKey } | null;

export function ApiKeysPage() {
  const [open, setOpen] = useState<Open>(null);
  const [attempt, setAttempt] = useState(0);
  const close = (): void => setOpen(null);
  const again = (): void => setAttempt(attempt + 1);
  const polled = usePolled(() => ok(api.GET('/v1/api-keys')), [attempt]);
  return (
    <>
      <div class="page-head">
        <PageTitle>API keys</PageTitle>
        <button type="button" class="primary" onClick={() => setOpen({ kind: 'make' })}>
          Make an API key
        </button>
      </div>
      <p class="hint">For programs that work for you. Each key may do only what you allow it.</p>
      <Loaded polled={polled} what="your API keys">
        {(keys) =>
          keys.length === 0 ? (
            <Empty title="No API keys yet.">
              <p>
                A program sends its key as <code>Authorization: Bearer</code>. Make one for each program, so
                that you can revoke it alone.
              </p>
            </Empty>
          ) : (
            <ul class="rows panel">
              {keys.map((key) => (
                <KeyRow key={key.id} apiKey={key} onRevoke={() => setOpen({ kind: 'revoke', key })} />
              ))}
            </ul>
          )
        }
      </Loaded>
      {open?.kind === 'make' && <MakeKey onClose={close} onMade={again} />}
      {open?.kind === 'revoke' && <RevokeKey apiKey={open.key} onClose={close} onRevoked={again} />}
    </>
  );
}

function KeyRow({ apiKey, onRevoke }: { readonly apiKey: ApiKey; readonly onRevoke: () => void }) {
  const { name, prefix, scopes, policy, lastUsedAt, expiresAt } = apiKey;
  const isExpired = expiresAt !== null && Date.parse(expiresAt) < Date.now();
  return (
    <li>
      <div class="main">
        <p>
          <strong>{name}</strong> <code>{prefix}…</code>
          {isExpired && <span class="badge warn">Expired</span>}
        </p>
        <p>{scopes.map((scope) => SCOPE_WORDS[scope]).join(' · ')}</p>
        {policy !== null && <p class="hint">{limitsOf(policy)}</p>}
        <p class="hint">
          Last used <Time at={lastUsedAt} none="never" /> · {isExpired ? 'expired' : 'expires'}{' '}
          <Time at={expiresAt} none="never" />
        </p>
      </div>
      <button type="button" onClick={onRevoke}>
        Revoke<span class="visually-hidden"> {name}</span>
      </button>
    </li>
  );
}

function limitsOf({
  platformIds,
  addresses,
  methods,
  paths,
  perMinute,
}: NonNullable<ApiKey['policy']>): string {
  const nameOf = (wanted: number): string =>
    platforms.value?.find(({ id }) => id === wanted)?.name ?? `connection ${wanted}`;
  const limits = [
    ...(platformIds === undefined ? [] : [`Only for ${platformIds.map(nameOf).join(', ')}`]),
    ...(addresses === undefined ? [] : [`Only from ${addresses.join(', ')}`]),
    ...(methods === undefined ? [] : [`At servers: ${methods.map((one) => METHOD_WORDS[one]).join(', ')}`]),
    ...(paths === undefined ? [] : [`Only ${paths.join(', ')}`]),
    ...(perMinute === undefined ? [] : [`At most ${perMinute} requests a minute`]),
  ];
  return limits.join(' · ');
}

interface RevokeProps {
  readonly apiKey: ApiKey;
  readonly onClose: () => void;
  readonly onRevoked: () => void;
}

function RevokeKey({ apiKey: { id, name }, onClose, onRevoked }: RevokeProps) {
  return (
    <Confirm
      title={`Revoke “${name}”?`}
      action="Revoke"
      danger
      onClose={onClose}
      onConfirm={async () => {
        try {
          await ok(api.DELETE('/v1/api-keys/{id}', { params: { path: { id } } }));
        } catch (error) {
          // Revoked elsewhere, which is the wanted result.
          if (!(error instanceof Problem && error.status === 404)) throw error;
        }
        say(`“${name}” is revoked.`);
        onRevoked();
      }}
    >
      {() => <p>Programs that use this key are refused at once. This cannot be undone.</p>}
    </Confirm>
  );
}

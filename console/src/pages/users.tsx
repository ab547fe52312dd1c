import { useEffect, useState } from 'preact/hooks';
import { type ManagedUser, Problem, api, ok, user } from '../api/client.js';
import { usePolled } from '../api/use-polled.js';
import { say } from '../state/messages.js';
import { hrefOf } from '../state/route.js';
import { Confirm } from '../ui/confirm.js';
import { Select } from '../ui/fields.js';
import { Empty, Loaded } from '../ui/loaded.js';
import { Menu } from '../ui/menu.js';
import { PageTitle } from '../ui/page-title.js';
import { Time } from '../ui/time.js';
import { Invitations } from './invitations.js';

const PAGE_SIZE = 50;
const EVERYBODY = 'all';
const KINDS = { [EVERYBODY]: 'Everybody', admin: 'Administrators', disabled: 'Disabled' };
/** While somebody types. */
const QUIET_MS = 300;

interface Choice {
  readonly search: string;
  readonly kind: string;
  /** Of the page; undefined on the first. */
  readonly cursor?: string | undefined;
}

export function UsersPage() {
  const [typed, setTyped] = useState('');
  const [choice, setChoice] = useState<Choice>({ search: '', kind: EVERYBODY });
  const [attempt, setAttempt] = useState(0);
  const polled = usePolled(() => load(choice), [choice, attempt], 60_000);

  useEffect(() => {
    const search = typed.trim();
    const choose = (now: Choice): Choice => (now.search === search ? now : { search, kind: now.kind });
    const timer = setTimeout(() => setChoice(choose), QUIET_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  return (
    <>
      <PageTitle>Users</PageTitle>
      <div class="choices">
        <div class="field">
          <label for="user-search">Search by e-mail address</label>
          <input
            id="user-search"
            type="search"
            spellcheck={false}
            aria-describedby="user-search-hint"
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
          <p id="user-search-hint" class="hint">
            At least three letters or digits
          </p>
        </div>
        <Select
          name="kind"
          label="Show"
          value={choice.kind}
          options={KINDS}
          onChange={(kind) => setChoice({ search: choice.search, kind })}
        />
      </div>
      <Loaded polled={polled} what="the users">
        {({ items, next }) => (
          <>
            {items.length === 0 ? (
              <Empty title="Nobody matches.">
                <p>Search for another part of the address, or show everybody.</p>
              </Empty>
            ) : (
              <ul class="rows panel">
                {items.map((one) => (
                  <UserRow key={one.id} person={one} onChanged={() => setAttempt(attempt + 1)} />
                ))}
              </ul>
            )}
            <div class="buttons">
              {choice.cursor !== undefined && (
                <button type="button" onClick={() => setChoice({ ...choice, cursor: undefined })}>
                  First page
                </button>
              )}
              {next !== undefined && (
                <button type="button" onClick={() => setChoice({ ...choice, cursor: next })}>
                  Next page
                </button>
              )}
            </div>
          </>
        )}
      </Loaded>
      <Invitations />
    </>
  );
}

async function load({ search, kind, cursor }: Choice) {
  const query = {
    limit: PAGE_SIZE,
    ...(search.length >= 3 && { search }),
    ...(kind === 'admin' && { role: 'admin' as const }),
    ...(kind === 'disabled' && { disabled: true }),
    ...(cursor !== undefined && { cursor }),
  };
  const call = api.GET('/v1/admin/users', { params: { query } });
  const { items } = await ok(call);
  const link = (await call).response.headers.get('link') ?? '';
  const next = /[?&]cursor=([\w-]+)/.exec(link)?.[1];
  return { items, next };
}

interface RowProps {
  readonly person: ManagedUser;
  readonly onChanged: () => void;
}

/** What an administrator asks for, in the words of the dialog that confirms it. */
interface Act {
  readonly label: string;
  readonly text: string;
  readonly done: string;
  readonly danger?: boolean;
  readonly run: () => Promise<unknown>;
}

function UserRow({ person, onChanged }: RowProps) {
  const { id, email, role, disabled, oidcIssuer, createdAt, lastActiveAt, leavesAt } = person;
  const [act, setAct] = useState<Act | null>(null);
  return (
    <li>
      <div class="main">
        <p>
          <strong>{email}</strong>
          {role === 'admin' && <span class="badge accent">Administrator</span>}
          {leavesAt !== null && <span class="badge warn">Leaving</span>}
          {disabled && leavesAt === null && <span class="badge warn">Disabled</span>}
        </p>
        <p class="hint">
          Number {id} · <a href={hrefOf(`connections?user=${id}`)}>connections</a> ·{' '}
          {oidcIssuer === null ? 'signs in with a password' : `signs in with ${oidcIssuer}`} · joined{' '}
          <Time at={createdAt} none="" /> · last active <Time at={lastActiveAt} none="never" />
          {leavesAt !== null && (
            <>
              {' '}
              · deleted <Time at={leavesAt} none="" />
            </>
          )}
        </p>
      </div>
      {id !== user.value?.id && (
        <Menu
          about={email}
          busy={false}
          items={actsOn(person).map((one) => ({
            label: one.label,
            ...(one.danger === true && { danger: true }),
            onChoose: () => setAct(one),
          }))}
        />
      )}
      {act !== null && (
        <Confirm
          title={`${act.label}: ${email}?`}
          action={act.label}
          danger={act.danger === true}
          onClose={() => setAct(null)}
          onConfirm={async () => {
            await act.run();
            say(act.done);
            onChanged();
          }}
        >
          {() => <p>{act.text}</p>}
        </Confirm>
      )}
    </li>
  );
}

function actsOn({ id, email, role, disabled }: ManagedUser): Act[] {
  const params = { path: { id } };
  const change = (body: { role?: 'user' | 'admin'; disabled?: boolean }) => () =>
    ok(api.PATCH('/v1/admin/users/{id}', { params, body }));
  return [
    disabled
      ? {
          label: 'Enable',
          text: 'Signing in and API keys work again.',
          done: `${email} is enabled.`,
          run: change({ disabled: false }),
        }
      : {
          label: 'Disable',
          text: 'All sessions end, and signing in and API keys are refused. The connections stay.',
          done: `${email} is disabled.`,
          danger: true,
          run: change({ disabled: true }),
        },
    role === 'admin'
      ? {
          label: 'Make an ordinary user',
          text: 'All sessions end. After logging in again, the pages for administrators are gone.',
          done: `${email} is an ordinary user now.`,
          run: change({ role: 'user' }),
        }
      : {
          label: 'Make an administrator',
          text: 'Administrators see all users and connections, but no credentials, and can disable and delete users.',
          done: `${email} is an administrator now.`,
          run: change({ role: 'admin' }),
        },
    {
      label: 'End all sessions',
      text: 'Logging in again is possible at once.',
      done: `All sessions of ${email} have ended.`,
      run: () => ok(api.DELETE('/v1/admin/users/{id}/sessions', { params })),
    },
    {
      label: 'Delete',
      text: 'With all connections, API keys and statistics, at once. It cannot be undone.',
      done: `${email} is deleted.`,
      danger: true,
      run: async () => {
        try {
          await ok(api.DELETE('/v1/admin/users/{id}', { params }));
        } catch (error) {
          // Deleted elsewhere, which is the wanted result.
          if (!(error instanceof Problem && error.status === 404)) throw error;
        }
      },
    },
  ];
}

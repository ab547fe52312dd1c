import { useEffect, useState } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { type BulkAction, runBulk } from '../list/bulk.js';
import { type Choice, SORTS, softwareOptions, statusOptions } from '../list/choice.js';
import { setQuery } from '../state/route.js';
import { Confirm } from '../ui/confirm.js';
import { Select } from '../ui/fields.js';

/** While somebody types. */
const QUIET_MS = 150;
/** Most names in the dialog that confirms. */
const MAX_NAMES = 5;

interface FiltersProps {
  readonly list: readonly Platform[];
  readonly choice: Choice;
}

export function Filters({ list, choice: { q, status, software, sort } }: FiltersProps) {
  const [typed, setTyped] = useState(q);
  const choose = (change: Readonly<Record<string, string>>): void => setQuery({ ...change, page: '' });

  useEffect(() => setTyped(q), [q]);
  useEffect(() => {
    if (typed === q) return;
    const timer = setTimeout(() => choose({ q: typed }), QUIET_MS);
    return () => clearTimeout(timer);
  }, [typed]);

  return (
    <div class="choices filters" role="search">
      <div class="field grows">
        <label for="connection-search">Search</label>
        <input
          id="connection-search"
          type="search"
          placeholder="Name, account, instance or label"
          spellcheck={false}
          value={typed}
          onInput={(event) => setTyped(event.currentTarget.value)}
        />
      </div>
      <Select
        name="status"
        label="Status"
        value={status}
        options={statusOptions(list, status)}
        onChange={(value) => choose({ status: value })}
      />
      <Select
        name="software"
        label="Software"
        value={software}
        options={softwareOptions(list, software)}
        onChange={(value) => choose({ software: value })}
      />
      <Select
        name="sort"
        label="Sort by"
        value={sort}
        options={SORTS}
        onChange={(value) => choose({ sort: value })}
      />
    </div>
  );
}

interface SelectionProps {
  readonly found: readonly Platform[];
  readonly picked: readonly Platform[];
  readonly total: number;
  readonly onSelectAll: (isSelected: boolean) => void;
}

/** How many are found and selected, and what can be done with those. */
export function SelectionBar({ found, picked, total, onSelectAll }: SelectionProps) {
  const [asked, setAsked] = useState<'disable' | 'delete' | null>(null);
  const count = found.length === total ? `${total}` : `${found.length} of ${total}`;
  const run = (action: BulkAction): void => void runBulk(action, picked);
  return (
    <div class={`selection ${picked.length > 0 ? 'panel' : ''}`}>
      <label class="check">
        <input
          type="checkbox"
          checked={picked.length > 0 && picked.length === found.length}
          {...{ indeterminate: picked.length > 0 && picked.length < found.length }}
          onChange={(event) => onSelectAll(event.currentTarget.checked)}
        />{' '}
        Select all
      </label>
      <p class="hint" role="status">
        {picked.length > 0
          ? `${picked.length} selected`
          : `${count} ${total === 1 ? 'platform' : 'platforms'}`}
      </p>
      {picked.length > 0 && (
        <div class="buttons" role="group" aria-label="With those selected">
          <button type="button" onClick={() => run('test')}>
            Test<span class="visually-hidden"> selected</span>
          </button>
          {picked.some(({ isActive }) => !isActive) && (
            <button type="button" onClick={() => run('enable')}>
              Enable<span class="visually-hidden"> selected</span>
            </button>
          )}
          {picked.some(({ isActive }) => isActive) && (
            <button type="button" onClick={() => setAsked('disable')}>
              Disable<span class="visually-hidden"> selected</span>
            </button>
          )}
          <button type="button" class="danger" onClick={() => setAsked('delete')}>
            Delete<span class="visually-hidden"> selected</span>
          </button>
        </div>
      )}
      {asked !== null && <ConfirmBulk action={asked} picked={picked} onClose={() => setAsked(null)} />}
    </div>
  );
}

interface ConfirmProps {
  readonly action: 'disable' | 'delete';
  readonly picked: readonly Platform[];
  readonly onClose: () => void;
}

function ConfirmBulk({ action, picked, onClose }: ConfirmProps) {
  // The list goes on changing: what was asked about is what it is done to.
  const [targets] = useState(picked);
  const isDelete = action === 'delete';
  const names = targets.slice(0, MAX_NAMES).map(({ name }) => `“${name}”`);
  const more = targets.length - names.length;
  const what = targets.length === 1 ? '1 platform' : `${targets.length} platforms`;
  return (
    <Confirm
      title={`${isDelete ? 'Delete' : 'Disable'} ${what}?`}
      action={isDelete ? `Delete ${what}` : `Disable ${what}`}
      danger={isDelete}
      onClose={onClose}
      onConfirm={async ({ revoke }) => {
        void runBulk(isDelete && revoke !== undefined ? 'revoke' : action, targets);
      }}
    >
      {() => (
        <>
          <p>
            {names.join(', ')}
            {more > 0 && ` and ${more} more`}.
          </p>
          <p>
            {isDelete
              ? 'This deletes their credentials and statistics and cannot be undone.'
              : 'They stay as they are, but programs no longer find them. You can enable them again.'}
            {targets.some(({ isDefault }) => isDefault) &&
              ' Your default is among them; another platform will become the default.'}
          </p>
          {isDelete && (
            <label class="check">
              <input type="checkbox" name="revoke" /> Also revoke the access tokens at the instances, where
              that is safe. This takes longer: the server does a few a minute.
            </label>
          )}
        </>
      )}
    </Confirm>
  );
}

import { api, ok, session, user } from '../api/client.js';
import { STATUS_LABELS } from '../ui/labels.js';
import { messages, dismiss, say, warn, warnOf } from './messages.js';
import { ADMIN_PAGES, PAGES } from './pages.js';
import { platforms, write } from './platforms.js';
import { go } from './route.js';

export interface Command {
  readonly id: string;
  readonly label: string;
  /** Found too, and shown beside it. */
  readonly hint: string;
  readonly run: () => void;
}

/** All that is offered before something is typed, and a few connections. */
const MAX_FOUND = 18;

/** What can be done from anywhere, best first; all words must be found. */
export function commandsFor(typed: string): readonly Command[] {
  const words = typed.trim().toLowerCase().split(/\s+/u);
  return all()
    .filter(({ label, hint }) => words.every((word) => `${label} ${hint}`.toLowerCase().includes(word)))
    .slice(0, MAX_FOUND);
}

function all(): Command[] {
  const pages = user.value?.role === 'admin' ? [...PAGES, ...ADMIN_PAGES] : PAGES;
  const undoable = messages.value.findLast(({ undo }) => undo !== undefined);
  return [
    ...(undoable?.undo === undefined ? [] : [undoing(undoable.id, undoable.text, undoable.undo)]),
    { id: 'add', label: 'Add a platform', hint: '', run: () => go('platforms?add=yes') },
    ...pages.map(({ target, label }) => ({ id: target, label, hint: 'Page', run: () => go(target) })),
    {
      id: 'attention',
      label: 'Platforms that need attention',
      hint: '',
      run: () => go('platforms?status=attention'),
    },
    { id: 'log-out', label: 'Log out', hint: '', run: () => void logOut() },
    ...(platforms.value ?? []).flatMap(({ id, name, username }) => {
      const handle = username === null ? '' : `@${username}`;
      return [
        { id: `open-${id}`, label: name, hint: handle, run: () => go(`platforms/${id}`) },
        { id: `test-${id}`, label: `Test ${name}`, hint: handle, run: () => void test(id, name) },
      ];
    }),
  ];
}

function undoing(id: number, hint: string, undo: () => void): Command {
  const run = (): void => {
    dismiss(id);
    undo();
  };
  return { id: 'undo', label: 'Undo', hint, run };
}

async function test(id: number, name: string): Promise<void> {
  const about = String(id);
  try {
    const params = { path: { id } };
    const { outcome, detail } = await write(() => ok(api.POST('/v1/platforms/{id}/test', { params })));
    const tell = outcome === 'connected' ? say : warn;
    tell(`“${name}”: ${STATUS_LABELS[outcome]}. ${detail}`, { about });
  } catch (error) {
    warnOf(error, `“${name}”: `, { about });
  }
}

async function logOut(): Promise<void> {
  try {
    await session.signOut();
  } catch (error) {
    warnOf(error, 'You are still logged in. ');
  }
}

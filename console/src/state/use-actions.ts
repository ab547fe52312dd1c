import { useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { defaultNow } from '../list/bulk.js';
import { focusPage } from '../ui/dialog.js';
import { STATUS_LABELS } from '../ui/labels.js';
import { say, warn, warnOf } from './messages.js';
import { platforms, write } from './platforms.js';

export interface Actions {
  /** The label of what runs; null for nothing. */
  readonly busy: string | null;
  readonly test: () => void;
  readonly makeDefault: () => void;
  readonly toggle: () => void;
}

/** What can be done with a connection at once, one at a time; says what came of it. */
export function useActions(platform: Platform): Actions {
  const { id, name, isActive } = platform;
  const [busy, setBusy] = useState<string | null>(null);
  const about = String(id);

  async function run(label: string, task: () => Promise<void>): Promise<void> {
    if (busy !== null) return;
    setBusy(label);
    const { activeElement } = document;
    try {
      await task();
    } catch (error) {
      warnOf(error, `“${name}”: `, { about });
    } finally {
      setBusy(null);
      keepFocus(activeElement);
    }
  }

  return {
    busy,
    test: () =>
      void run('Test', async () => {
        const params = { path: { id } };
        const { outcome, detail } = await write(() => ok(api.POST('/v1/platforms/{id}/test', { params })));
        const tell = outcome === 'connected' ? say : warn;
        tell(`“${name}”: ${STATUS_LABELS[outcome]}. ${detail}`, { about });
      }),
    makeDefault: () =>
      void run('Make default', async () => {
        const before = platforms.value?.find(({ isDefault }) => isDefault);
        await write(() => setDefault(id));
        const undo = before && undoing(`“${before.name}” is the default again.`, () => setDefault(before.id));
        say(`“${name}” is now the default.`, { about, undo });
      }),
    toggle: () =>
      void run(isActive ? 'Disable' : 'Enable', async () => {
        await write(() => setActive(id, !isActive));
        if (!isActive) say(`“${name}” enabled.`, { about });
        else {
          const more = platform.isDefault ? ` ${defaultNow()}` : '';
          say(`“${name}” disabled.${more}`, {
            about,
            undo: undoing(`“${name}” enabled.`, () => enable(platform)),
          });
        }
      }),
  };
}

async function enable({ id, isDefault }: Platform): Promise<void> {
  await setActive(id, true);
  if (isDefault) await setDefault(id);
}

async function setActive(id: number, isActive: boolean): Promise<void> {
  await ok(api.PATCH('/v1/platforms/{id}', { params: { path: { id } }, body: { isActive } }));
}

async function setDefault(id: number): Promise<void> {
  await ok(api.PUT('/v1/platforms/{id}/default', { params: { path: { id } } }));
}

function undoing(done: string, task: () => Promise<void>): () => void {
  const undo = async (): Promise<void> => {
    try {
      await write(task);
      say(done);
    } catch (error) {
      warnOf(error, 'It could not be undone. ');
    }
  };
  return () => void undo();
}

/** A row that moves within the list, as the new default does, loses the focus that was in it. */
function keepFocus(element: Element | null): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body || !(element instanceof HTMLElement)) return;
    if (element.isConnected) element.focus();
    else focusPage();
  });
}

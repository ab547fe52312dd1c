import { useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { defaultNow } from '../list/bulk.js';
import { focusPage } from '../ui/dialog.js';
import { STATUS_LABELS } from '../ui/labels.js';
import { messageOf, say, warn } from './messages.js';
import { write } from './platforms.js';

export interface Actions {
  /** The label of what runs; null for nothing. */
  readonly busy: string | null;
  readonly test: () => void;
  readonly makeDefault: () => void;
  readonly toggle: () => void;
}

/** What can be done with a connection at once, one at a time; says what came of it. */
export function useActions({ id, name, isActive, isDefault }: Platform): Actions {
  const [busy, setBusy] = useState<string | null>(null);
  const params = { path: { id } };

  async function run(label: string, task: () => Promise<string>, more?: () => string): Promise<void> {
    if (busy !== null) return;
    setBusy(label);
    const { activeElement } = document;
    try {
      const text = await write(task);
      say(more === undefined ? text : text + more());
    } catch (error) {
      warn(`“${name}”: ${messageOf(error)}`);
    } finally {
      setBusy(null);
      keepFocus(activeElement);
    }
  }

  const test = async (): Promise<string> => {
    const { outcome, detail } = await ok(api.POST('/v1/platforms/{id}/test', { params }));
    return `“${name}”: ${STATUS_LABELS[outcome]}. ${detail}`;
  };
  const makeDefault = async (): Promise<string> => {
    await ok(api.PUT('/v1/platforms/{id}/default', { params }));
    return `“${name}” is now the default.`;
  };
  const toggle = async (): Promise<string> => {
    await ok(api.PATCH('/v1/platforms/{id}', { params, body: { isActive: !isActive } }));
    return `“${name}” ${isActive ? 'disabled' : 'enabled'}.`;
  };
  return {
    busy,
    test: () => void run('Test', test),
    makeDefault: () => void run('Make default', makeDefault),
    toggle: () => void run('Disable', toggle, isActive && isDefault ? () => ` ${defaultNow()}` : undefined),
  };
}

/** A row that moves within the list, as the new default does, loses the focus that was in it. */
function keepFocus(element: Element | null): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body || !(element instanceof HTMLElement)) return;
    if (element.isConnected) element.focus();
    else focusPage();
  });
}

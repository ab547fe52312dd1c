import { useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { STATUS_LABELS } from '../ui/labels.js';
import { messageOf, say, warn } from './messages.js';
import { platforms, write } from './platforms.js';

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
    try {
      const text = await write(task);
      say(more === undefined ? text : text + more());
    } catch (error) {
      warn(`“${name}”: ${messageOf(error)}`);
    } finally {
      setBusy(null);
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
  /** Of the list that was loaded after the change. */
  const newDefault = (): string => {
    const next = platforms.value?.find((platform) => platform.isDefault);
    return next === undefined ? ' There is no default now.' : ` “${next.name}” is the default now.`;
  };
  return {
    busy,
    test: () => void run('Test', test),
    makeDefault: () => void run('Make default', makeDefault),
    toggle: () => void run('Disable', toggle, isActive && isDefault ? newDefault : undefined),
  };
}

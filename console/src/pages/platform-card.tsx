import { useId, useState } from 'preact/hooks';
import { type Platform, api, ok } from '../api/client.js';
import { messageOf, say, warn } from '../state/messages.js';
import { write } from '../state/platforms.js';
import { useAvatar } from '../state/use-avatar.js';
import { STATUS_LABELS, softwareOf, toneOf } from '../ui/labels.js';
import { Time } from '../ui/time.js';

interface CardProps {
  readonly platform: Platform;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

export function PlatformCard({ platform, onEdit, onDelete }: CardProps) {
  const { name, instanceUrl, username, isActive, isDefault, status, lastError } = platform;
  const titleId = useId();
  const host = new URL(instanceUrl).host;
  return (
    <article class={`card panel ${isActive ? '' : 'inactive'}`} aria-labelledby={titleId}>
      <header>
        <Avatar platform={platform} />
        <div class="who">
          <h2 id={titleId}>{name}</h2>
          <p>
            {softwareOf(platform)} at{' '}
            <a href={instanceUrl} target="_blank" rel="noopener noreferrer">
              {host}
            </a>
          </p>
          <p>{username === null ? 'Unknown account' : `@${username}`}</p>
        </div>
        <div class="badges">
          {isDefault && <span class="badge accent">Default</span>}
          {!isActive && <span class="badge">Disabled</span>}
        </div>
      </header>
      <p class={`status ${toneOf(status)}`}>
        <strong>{STATUS_LABELS[status]}</strong>
        {lastError !== null && <span> {lastError}</span>}
      </p>
      <dl>
        <div>
          <dt>Last checked</dt>
          <dd>
            <Time at={platform.lastCheckedAt} none="never" />
          </dd>
        </div>
        <div>
          <dt>Last used</dt>
          <dd>
            <Time at={platform.lastUsed} none="never" />
          </dd>
        </div>
        <div>
          <dt>Token expires</dt>
          <dd>
            <Time at={platform.tokenExpiresAt} none="unknown" />
          </dd>
        </div>
      </dl>
      <Actions platform={platform} onEdit={onEdit} onDelete={onDelete} />
    </article>
  );
}

/** Shows initials if there is no picture. Hidden from screen readers: the card has the same information as text. */
function Avatar({ platform }: { readonly platform: Platform }) {
  const { id, name, platformType, hasAvatar, version } = platform;
  const { address, discard } = useAvatar(id, hasAvatar, version);
  return (
    <span class={`avatar ${platformType}`} aria-hidden="true">
      {address === null ? initials(name) : <img src={address} alt="" onError={discard} />}
    </span>
  );
}

function Actions({ platform, onEdit, onDelete }: CardProps) {
  const { id, name, isActive, isDefault } = platform;
  const [busy, setBusy] = useState<string | null>(null);
  const params = { path: { id } };

  async function run(action: string, task: () => Promise<string>): Promise<void> {
    if (busy !== null) return;
    setBusy(action);
    try {
      say(await write(task));
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
  const setActive = async (): Promise<string> => {
    await ok(api.PATCH('/v1/platforms/{id}', { params, body: { isActive: !isActive } }));
    return `“${name}” ${isActive ? 'disabled' : 'enabled'}.`;
  };

  const button = (label: string, onClick: () => void) => (
    <button type="button" aria-disabled={busy !== null} onClick={onClick}>
      {busy === label ? 'One moment…' : label}
      <span class="visually-hidden"> {name}</span>
    </button>
  );
  return (
    <div class="buttons">
      {button('Test', () => void run('Test', test))}
      {isActive && !isDefault && button('Make default', () => void run('Make default', makeDefault))}
      {button('Edit', onEdit)}
      {isActive
        ? button('Disable', () => void run('Disable', setActive))
        : button('Enable', () => void run('Enable', setActive))}
      {button('Delete', onDelete)}
    </div>
  );
}

function initials(name: string): string {
  const words = name.split(/[\s@.]+/u).filter((word) => word !== '');
  return words
    .slice(0, 2)
    .map((word) => [...word][0]?.toUpperCase() ?? '')
    .join('');
}

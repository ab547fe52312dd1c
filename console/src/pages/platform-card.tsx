import { useId } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { hrefOf } from '../state/route.js';
import { useActions } from '../state/use-actions.js';
import { useAvatar } from '../state/use-avatar.js';
import { STATUS_LABELS, needsReconnect, softwareOf, toneOf } from '../ui/labels.js';
import { Menu } from '../ui/menu.js';
import { Time } from '../ui/time.js';

interface CardProps {
  readonly platform: Platform;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
  readonly onReconnect: () => void;
}

export function PlatformCard(props: CardProps) {
  const { platform } = props;
  const { id, name, instanceUrl, username, isActive, isDefault } = platform;
  const titleId = useId();
  const host = new URL(instanceUrl).host;
  return (
    <article class={`card panel ${isActive ? '' : 'inactive'}`} aria-labelledby={titleId}>
      <header>
        <Avatar platform={platform} />
        <div class="who">
          <h2 id={titleId}>
            <a href={hrefOf(`platforms/${id}`)}>{name}</a>
          </h2>
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
      <StatusLine platform={platform} />
      <Dates platform={platform} />
      <Actions {...props} />
    </article>
  );
}

/** How the last check went. */
export function StatusLine({ platform: { status, lastError } }: { readonly platform: Platform }) {
  return (
    <p class={`status ${toneOf(status)}`}>
      <strong>{STATUS_LABELS[status]}</strong>
      {lastError !== null && <span> {lastError}</span>}
    </p>
  );
}

export function Dates({ platform }: { readonly platform: Platform }) {
  return (
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

function Actions({ platform, onEdit, onDelete, onReconnect }: CardProps) {
  const { name, isActive, isDefault, status } = platform;
  const { busy, test, makeDefault, toggle } = useActions(platform);
  const button = (label: string, onClick: () => void, primary = false) => (
    <button
      type="button"
      {...(primary && { class: 'primary' })}
      aria-disabled={busy !== null}
      onClick={onClick}
    >
      {busy === label ? 'One moment…' : label}
      <span class="visually-hidden"> {name}</span>
    </button>
  );
  return (
    <div class="buttons">
      {needsReconnect(status) && button('Reconnect', onReconnect, true)}
      {button('Test', test)}
      <Menu
        about={name}
        busy={busy !== null && busy !== 'Test'}
        items={[
          { label: 'Edit', onChoose: onEdit },
          ...(isActive && !isDefault ? [{ label: 'Make default', onChoose: makeDefault }] : []),
          { label: isActive ? 'Disable' : 'Enable', onChoose: toggle },
          { label: 'Delete', onChoose: onDelete, danger: true },
        ]}
      />
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

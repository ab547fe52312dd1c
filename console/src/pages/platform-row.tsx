import { useId } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { hrefOf } from '../state/route.js';
import { useActions } from '../state/use-actions.js';
import { Avatar } from '../ui/avatar.js';
import { InstanceLink } from '../ui/instance-link.js';
import { STATUS_LABELS, needsReconnect, softwareOf, toneOf } from '../ui/labels.js';
import { Menu } from '../ui/menu.js';
import { SoftwareMark } from '../ui/software-mark.js';
import { Tags } from '../ui/tags.js';
import { Time } from '../ui/time.js';

interface RowProps {
  readonly platform: Platform;
  readonly isSelected: boolean;
  readonly onSelect: (isSelected: boolean) => void;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
  readonly onReconnect: () => void;
}

export function PlatformRow(props: RowProps) {
  const { platform, isSelected, onSelect } = props;
  const { id, name, instanceUrl, username, isActive, isDefault, platformType } = platform;
  const titleId = useId();
  return (
    <article class={`connection ${isActive ? '' : 'inactive'}`} aria-labelledby={titleId}>
      <label class="pick">
        <input
          type="checkbox"
          checked={isSelected}
          onChange={(event) => onSelect(event.currentTarget.checked)}
        />
        <span class="visually-hidden">Select {name}</span>
      </label>
      <Avatar platform={platform} />
      <div class="who">
        <div class="named">
          <h2 id={titleId}>
            <a href={hrefOf(`platforms/${id}`)}>{name}</a>
          </h2>
          {isDefault && <span class="badge accent">Default</span>}
          {!isActive && <span class="badge">Disabled</span>}
        </div>
        <p class="account-of">
          <span>
            {username === null ? 'Unknown account at ' : `@${username}@`}
            <wbr />
            <InstanceLink url={instanceUrl} />
          </span>
          <span class="software">
            <SoftwareMark type={platformType} /> {softwareOf(platform)}
          </span>
        </p>
        <Tags labels={platform.labels} />
      </div>
      <div class="health">
        <StatusLine platform={platform} />
        <p class="hint">
          {platform.lastCheckedAt === null ? 'Never checked' : 'Checked '}
          <Time at={platform.lastCheckedAt} none="" />
          {platform.lastUsed === null ? ' · never used' : ' · used '}
          <Time at={platform.lastUsed} none="" />
          {platform.tokenExpiresAt !== null && (
            <>
              {' '}
              · token expires <Time at={platform.tokenExpiresAt} none="" />
            </>
          )}
        </p>
      </div>
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

function Actions({ platform, onEdit, onDelete, onReconnect }: RowProps) {
  const { name, isActive, isDefault, status } = platform;
  const { busy, test, makeDefault, toggle } = useActions(platform);
  const isBroken = needsReconnect(status);
  return (
    <div class="buttons">
      {isBroken && (
        <button type="button" class="primary" aria-disabled={busy !== null} onClick={onReconnect}>
          Reconnect<span class="visually-hidden"> {name}</span>
        </button>
      )}
      <Menu
        about={name}
        busy={busy !== null}
        items={[
          { label: 'Test', onChoose: test },
          { label: 'Edit', onChoose: onEdit },
          ...(isActive && !isDefault ? [{ label: 'Make default', onChoose: makeDefault }] : []),
          ...(isBroken ? [] : [{ label: 'Reconnect', onChoose: onReconnect }]),
          { label: isActive ? 'Disable' : 'Enable', onChoose: toggle },
          { label: 'Delete', onChoose: onDelete, danger: true },
        ]}
      />
    </div>
  );
}

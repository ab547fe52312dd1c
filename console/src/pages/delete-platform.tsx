import type { Platform } from '../api/client.js';
import { defaultNow, remove } from '../list/bulk.js';
import { say } from '../state/messages.js';
import { write } from '../state/platforms.js';
import { Confirm } from '../ui/confirm.js';

interface DeleteProps {
  readonly platform: Platform;
  readonly onClose: () => void;
  readonly onDeleted?: () => void;
}

export function DeletePlatform({ platform: { id, name, isDefault }, onClose, onDeleted }: DeleteProps) {
  return (
    <Confirm
      title={`Delete “${name}”?`}
      action="Delete"
      danger
      onClose={onClose}
      onConfirm={async ({ revoke }) => {
        await write(() => remove(id, revoke !== undefined));
        say(`“${name}” deleted.${isDefault ? ` ${defaultNow()}` : ''}`);
        onDeleted?.();
      }}
    >
      {() => (
        <>
          <p>
            This deletes its credentials and statistics and cannot be undone.
            {isDefault && ' It is your default; another platform will become the default.'}
          </p>
          <label class="check">
            <input type="checkbox" name="revoke" /> Also revoke the access token at the instance, if that is
            safe
          </label>
        </>
      )}
    </Confirm>
  );
}

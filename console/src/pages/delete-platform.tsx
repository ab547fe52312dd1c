import { type Platform, Problem, api, ok } from '../api/client.js';
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
        say(`“${name}” deleted.`);
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

async function remove(id: number, revoke: boolean): Promise<void> {
  const params = { path: { id }, query: { revoke } };
  try {
    await ok(api.DELETE('/v1/platforms/{id}', { params }));
  } catch (error) {
    // Already deleted elsewhere, which is the wanted result.
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
}

import type { Platform } from '../api/client.js';
import { Dialog } from '../ui/dialog.js';
import { ByOAuth } from './add-platform.js';

interface ReconnectProps {
  readonly platform: Platform;
  readonly onClose: () => void;
}

/** For a connection whose token does no longer: the account comes back and gives its connection a new one. */
export function Reconnect({ platform: { name, instanceUrl }, onClose }: ReconnectProps) {
  return (
    <Dialog title={`Reconnect “${name}”`} onClose={onClose}>
      <ByOAuth instance={instanceUrl} onClose={onClose} />
    </Dialog>
  );
}

import { useState } from 'preact/hooks';
import type { Platform } from '../api/client.js';
import { useLookup } from '../api/use-lookup.js';
import { Dialog } from '../ui/dialog.js';
import { ByOAuth } from './by-oauth.js';

interface ReconnectProps {
  readonly platform: Platform;
  readonly onClose: () => void;
}

/** For a connection whose token does no longer: the account comes back and gives its connection a new one. */
export function Reconnect({ platform: { name, instanceUrl }, onClose }: ReconnectProps) {
  const [typed, setTyped] = useState(instanceUrl);
  const lookup = useLookup(typed);
  return (
    <Dialog title={`Reconnect “${name}”`} onClose={onClose}>
      <ByOAuth typed={typed} onType={setTyped} lookup={lookup} onClose={onClose} />
    </Dialog>
  );
}

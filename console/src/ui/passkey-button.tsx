import { useState } from 'preact/hooks';
import { messageOf } from '../state/messages.js';
import { hasPasskeys } from '../state/passkeys.js';

interface PasskeyButtonProps {
  readonly label: string;
  readonly onUse: () => Promise<void>;
}

/** Nothing where the browser has no passkeys. */
export function PasskeyButton({ label, onUse }: PasskeyButtonProps) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | null>(null);
  if (!hasPasskeys) return null;

  async function use(): Promise<void> {
    if (busy) return;
    setBusy(true);
    setFault(null);
    try {
      await onUse();
    } catch (error) {
      setFault(messageOf(error));
    } finally {
      setBusy(false);
    }
  }

  return (
    <>
      {fault !== null && (
        <p class="notice bad" role="alert">
          {fault}
        </p>
      )}
      <div class="buttons">
        <button type="button" aria-disabled={busy} onClick={() => void use()}>
          {busy ? 'One moment…' : label}
        </button>
      </div>
    </>
  );
}

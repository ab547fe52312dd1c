import { useRef } from 'preact/hooks';
import { say } from '../state/messages.js';

interface CopiedProps {
  readonly id: string;
  readonly label: string;
  /** With lines, where it has several. */
  readonly text: string;
  readonly onDone: () => void;
}

/** A secret that is shown once, to be copied. */
export function Copied({ id, label, text, onDone }: CopiedProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  async function copy(): Promise<void> {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      say('Copied.');
    } catch {
      // Browsers offer the clipboard over https only, and may ask first. The text is selected.
      say('Press Ctrl+C, or Cmd+C, to copy the selected text.');
    }
  }
  return (
    <>
      <div class="field">
        <label for={id}>{label}</label>
        <textarea
          id={id}
          class="mono"
          ref={field}
          value={text}
          rows={text.split('\n').length}
          readOnly
          onFocus={() => field.current?.select()}
        />
      </div>
      <div class="buttons">
        <button type="button" class="primary" onClick={() => void copy()}>
          Copy
        </button>
        <button type="button" onClick={onDone}>
          Done
        </button>
      </div>
    </>
  );
}

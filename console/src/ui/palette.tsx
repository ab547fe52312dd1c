import { Search } from 'lucide';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { type Command, commandsFor } from '../state/commands.js';
import { Dialog } from './dialog.js';
import { Icon } from './icon.js';

/** The commands behind Ctrl K, and behind its button for those who have no keyboard. */
export function Palette() {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      event.preventDefault();
      if (document.querySelector('dialog[open]') === null) setOpen(true);
    };
    addEventListener('keydown', onKeyDown);
    return () => removeEventListener('keydown', onKeyDown);
  }, []);
  return (
    <>
      <button type="button" class="goto" aria-keyshortcuts="Control+K" onClick={() => setOpen(true)}>
        <Icon node={Search} /> <span>Go to</span> <kbd>Ctrl K</kbd>
      </button>
      {open && <Commands onClose={() => setOpen(false)} />}
    </>
  );
}

function Commands({ onClose }: { readonly onClose: () => void }) {
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const id = useId();
  const found = commandsFor(typed);
  const active = Math.min(at, found.length - 1);
  const optionId = (command: Command): string => `${id}-${command.id}`;

  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' });
  }, [active, typed]);

  const run = (command: Command | undefined): void => {
    if (command === undefined) return;
    onClose();
    command.run();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined && event.key !== 'Enter') return;
    event.preventDefault();
    if (step === undefined) run(found[active]);
    else if (found.length > 0) setAt((active + step + found.length) % found.length);
  };

  return (
    <Dialog title="Go to a page or a platform, or do something" className="palette" onClose={onClose}>
      <input
        type="text"
        role="combobox"
        aria-label="Command"
        aria-expanded="true"
        aria-controls={id}
        aria-autocomplete="list"
        {...(found[active] !== undefined && { 'aria-activedescendant': optionId(found[active]) })}
        autocomplete="off"
        spellcheck={false}
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul ref={list} id={id} role="listbox" aria-label="Commands">
        {found.map((command, index) => (
          <li
            key={command.id}
            id={optionId(command)}
            role="option"
            aria-selected={index === active}
            onPointerMove={() => setAt(index)}
            onClick={() => run(command)}
          >
            <span>{command.label}</span> <span class="hint">{command.hint}</span>
          </li>
        ))}
      </ul>
      <p role="status" class="hint">
        {found.length === 0 ? 'Nothing like it.' : '↑ ↓ to choose, Enter to go, Esc to close'}
      </p>
    </Dialog>
  );
}

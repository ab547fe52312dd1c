import { useEffect, useRef } from 'preact/hooks';

export interface MenuItem {
  readonly label: string;
  readonly onChoose: () => void;
  readonly danger?: boolean;
}

interface MenuProps {
  /** What its actions are about, for screen readers. */
  readonly about: string;
  readonly busy: boolean;
  readonly items: readonly MenuItem[];
}

/** What is needed less often. Closes by Escape, by a click elsewhere and when something is chosen. */
export function Menu({ about, busy, items }: MenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const toggle = useRef<HTMLElement>(null);

  function close(): void {
    if (menu.current?.open !== true) return;
    menu.current.open = false;
    // A dialog that opens now gives the focus back to where it is.
    toggle.current?.focus();
  }

  useEffect(() => {
    const onClick = (event: MouseEvent): void => {
      if (
        event.target instanceof Node &&
        menu.current?.contains(event.target) !== true &&
        menu.current !== null
      )
        menu.current.open = false;
    };
    document.addEventListener('click', onClick);
    return () => document.removeEventListener('click', onClick);
  }, []);

  return (
    <details ref={menu} class="menu" onKeyDown={(event) => event.key === 'Escape' && close()}>
      <summary ref={toggle} class="button">
        {busy ? 'One moment…' : 'More'}
        <span class="visually-hidden"> actions for {about}</span>
      </summary>
      <div class="menu-items">
        {items.map(({ label, onChoose, danger }) => (
          <button
            key={label}
            type="button"
            {...(danger === true && { class: 'bad' })}
            aria-disabled={busy}
            onClick={() => {
              close();
              onChoose();
            }}
          >
            {label}
            <span class="visually-hidden"> {about}</span>
          </button>
        ))}
      </div>
    </details>
  );
}

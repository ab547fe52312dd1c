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

/**
 * What is needed less often. Opens where there is room. Closes by Escape, by a click elsewhere and when something is
 * chosen; the arrow keys go through it.
 */
export function Menu({ about, busy, items }: MenuProps) {
  const menu = useRef<HTMLDetailsElement>(null);
  const toggle = useRef<HTMLElement>(null);

  function close(): void {
    if (menu.current?.open !== true) return;
    menu.current.open = false;
    // A dialog that opens now gives the focus back to where it is.
    toggle.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent): void {
    if (event.key === 'Escape') close();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || menu.current === null) return;
    event.preventDefault();
    menu.current.open = true;
    const buttons = [...menu.current.querySelectorAll('button')];
    const at = buttons.findIndex((button) => button === document.activeElement);
    const next = at === -1 && step === -1 ? buttons.length - 1 : at + step;
    buttons[(next + buttons.length) % buttons.length]?.focus();
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
    <details ref={menu} class="menu" onKeyDown={onKeyDown} onToggle={(event) => place(event.currentTarget)}>
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

/** Below its button, or above it where the window ends. */
function place(menu: HTMLDetailsElement): void {
  const items = menu.querySelector('.menu-items');
  if (!menu.open || items === null) return;
  const { top, bottom } = menu.getBoundingClientRect();
  const { height } = items.getBoundingClientRect();
  menu.classList.toggle('up', bottom + height > innerHeight && top > height);
}

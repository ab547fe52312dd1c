import { useEffect, useRef } from 'preact/hooks';
import { type Message, dismiss, dismissLatest, hold, messages } from '../state/messages.js';

/** Where Escape closes something else first. */
const CLOSES_FIRST = 'dialog[open], details.menu[open], input[type=search]:focus';

/** Two live regions: urgent messages interrupt the screen reader, the others wait for a pause. */
export function Messages() {
  const place = useRef<HTMLDivElement>(null);
  const failures = messages.value.filter(({ tone }) => tone === 'bad');
  const others = messages.value.filter(({ tone }) => tone !== 'bad');

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    // The page can be scrolled by as much as the messages cover, so that they keep nothing from being used.
    const observer = new ResizeObserver(() =>
      document.documentElement.style.setProperty('--messages', `${element.offsetHeight}px`),
    );
    observer.observe(element);
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.key === 'Escape' && document.querySelector(CLOSES_FIRST) === null) dismissLatest();
    };
    document.addEventListener('keydown', onKeyDown, true);
    return () => {
      observer.disconnect();
      document.removeEventListener('keydown', onKeyDown, true);
    };
  }, []);

  return (
    <div
      ref={place}
      class="messages"
      onPointerEnter={() => hold(true)}
      onPointerLeave={() => hold(false)}
      onFocusIn={() => hold(true)}
      onFocusOut={() => hold(false)}
    >
      <div role="alert">{failures.map(toItem)}</div>
      <div role="status">{others.map(toItem)}</div>
    </div>
  );
}

function toItem({ id, text, tone, undo }: Message) {
  return (
    <div key={id} class={`message ${tone}`}>
      <span>{text}</span>
      {undo !== undefined && (
        <button
          type="button"
          class="link"
          onClick={() => {
            dismiss(id);
            undo();
          }}
        >
          Undo
        </button>
      )}
      <button type="button" class="quiet" aria-label={`Dismiss: ${text}`} onClick={() => dismiss(id)}>
        ×
      </button>
    </div>
  );
}

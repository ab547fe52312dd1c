import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { PAGE_TITLE_ID } from './dialog.js';

/** Takes the focus when its page opens, so that a screen reader announces the page. */
export function PageTitle({ children }: { readonly children: ComponentChildren }) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title.current?.textContent ?? ''} · Platform Manager`;
  }, [children]);
  useEffect(() => title.current?.focus(), []);
  return (
    <h1 id={PAGE_TITLE_ID} ref={title} tabIndex={-1}>
      {children}
    </h1>
  );
}

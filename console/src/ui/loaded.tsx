import type { ComponentChildren } from 'preact';
import type { Polled } from '../api/use-polled.js';

interface LoadedProps<T> {
  readonly polled: Polled<T>;
  /** What is loaded, as in "Could not load your API keys." */
  readonly what: string;
  readonly children: (value: T) => ComponentChildren;
}

/** What has been loaded, a skeleton before that, and why it could not be loaded. */
export function Loaded<T>({ polled: { value, error, again }, what, children }: LoadedProps<T>) {
  return (
    <>
      {error !== null && (
        <div class="notice bad" role="alert">
          <p>
            Could not load {what}. {error}
          </p>
          <button type="button" onClick={again}>
            Try again
          </button>
        </div>
      )}
      {value !== null ? children(value) : error === null && <Skeleton what={what} />}
    </>
  );
}

export function Skeleton({ what }: { readonly what: string }) {
  return (
    <div role="status" class="skeleton">
      <span class="visually-hidden">Loading {what}…</span>
      <span aria-hidden="true" />
      <span aria-hidden="true" />
      <span aria-hidden="true" />
    </div>
  );
}

interface EmptyProps {
  readonly title: string;
  readonly children: ComponentChildren;
}

/** Where there is nothing yet: what would be here, and the next step. */
export function Empty({ title, children }: EmptyProps) {
  return (
    <div class="empty panel">
      <p>
        <strong>{title}</strong>
      </p>
      <div class="hint">{children}</div>
    </div>
  );
}

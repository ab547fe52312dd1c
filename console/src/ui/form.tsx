import type { ComponentChildren, TargetedSubmitEvent } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { Problem } from '../api/client.js';
import { messageOf } from '../state/messages.js';

interface FormProps {
  /** Fields that show their own errors. */
  readonly fields: readonly string[];
  readonly submitLabel: string;
  readonly onSubmit: (values: Readonly<Record<string, string>>) => Promise<void>;
  readonly onCancel?: () => void;
  /** Called with an error before it is shown; returns a text to show instead, if any. */
  readonly explain?: (error: unknown) => string | undefined;
  readonly danger?: boolean;
  /** Clears the password fields after an error, so that the user types the password again. */
  readonly clearOnError?: boolean;
  readonly children: (errorOf: (field: string) => string | undefined) => ComponentChildren;
}

/** Submits once at a time. Shows each error at its field if it has one, otherwise above the form. */
export function Form(props: FormProps) {
  const { fields, submitLabel, onSubmit, onCancel, explain, danger, clearOnError, children } = props;
  const form = useRef<HTMLFormElement>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [missing, setMissing] = useState<readonly string[]>([]);
  const summaryId = useId();

  useEffect(() => {
    if (error === null) return;
    const wrong = form.current?.querySelector<HTMLElement>('[aria-invalid=true]');
    (wrong ?? document.getElementById(summaryId))?.focus();
  }, [error]);

  const problem = error instanceof Problem ? error : null;
  const summary =
    error === null
      ? undefined
      : (explain?.(error) ?? (problem === null ? messageOf(error) : summaryOf(problem, fields)));

  async function submit(event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (busy) return;
    const element = event.currentTarget;
    const values = Object.fromEntries(
      [...new FormData(element)].map(([name, value]) => [name, typeof value === 'string' ? value : '']),
    );
    setBusy(true);
    setError(null);
    // The API marks some only after it has taken the others.
    setMissing(missingIn(element));
    let accepted = false;
    try {
      await onSubmit(values);
      accepted = true;
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
      // Accepted secrets do not stay in the page. Refused ones do, because an empty field can have a meaning of its own
      // (keep the current secret) and the next submit would send that.
      if (accepted || clearOnError === true)
        for (const input of element.querySelectorAll<HTMLInputElement>('input[type=password]'))
          input.value = '';
    }
  }

  return (
    <form ref={form} noValidate onSubmit={(event) => void submit(event)}>
      {summary !== undefined && (
        <p id={summaryId} class="notice bad" role="alert" tabIndex={-1}>
          {summary}
        </p>
      )}
      {children((field) =>
        problem !== null && missing.includes(field) ? `${field} is required` : problem?.of(field),
      )}
      <div class="buttons">
        <button type="submit" class={danger === true ? 'danger' : 'primary'} aria-disabled={busy}>
          {busy ? 'One moment…' : submitLabel}
        </button>
        {onCancel !== undefined && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

function missingIn(form: HTMLFormElement): string[] {
  return [...form.querySelectorAll<HTMLInputElement>('input[required]')]
    .filter(({ value }) => value === '')
    .map(({ name }) => name);
}

/** The message for the user, without the errors that are shown at these fields. */
function summaryOf(
  { message, errors, retryAfterSeconds }: Problem,
  fields: readonly string[],
): string | undefined {
  const others = errors.filter(({ pointer }) => !fields.includes(pointer.slice(1)));
  if (errors.length > 0 && others.length === 0) return undefined;
  const wait = retryAfterSeconds === null ? [] : [`Try again in ${retryAfterSeconds} s.`];
  return [message, ...others.map(({ detail }) => detail), ...wait].join(' ');
}

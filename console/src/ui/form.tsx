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

/** The API names the field as programs know it; people know it by its label. */
function inWords(error: string | undefined, name: string, label: string): string | undefined {
  const shown = label.replace(/ \(optional\)$/, '');
  return error?.startsWith(`${name} `) === true ? shown + error.slice(name.length) : error;
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly type?: 'date' | 'email' | 'number' | 'password' | 'text';
  readonly defaultValue?: string;
  readonly autocomplete?: string;
  readonly autofocus?: boolean;
  readonly required?: boolean;
  readonly spellcheck?: boolean;
  readonly hint?: string;
  readonly error?: string | undefined;
  readonly onInput?: (value: string) => void;
}

export function Field({ label, hint, error: fault, onInput, ...input }: FieldProps) {
  const id = useId();
  const error = inWords(fault, input.name, label);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        onInput={(event) => onInput?.(event.currentTarget.value)}
        {...(input as object)}
        {...describedBy(id, hint, error)}
      />
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}

/** Several lines. */
export function TextArea({ label, hint, error: fault, name, defaultValue }: FieldProps) {
  const id = useId();
  const error = inWords(fault, name, label);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea id={id} name={name} rows={3} spellcheck={false} {...describedBy(id, hint, error)}>
        {defaultValue}
      </textarea>
      <FieldNotes id={id} hint={hint} error={error} />
    </div>
  );
}

/** For credentials: masked, and neither saved nor filled in by the browser. */
export function SecretField(props: FieldProps) {
  return <Field type="password" autocomplete="off" spellcheck={false} {...props} />;
}

interface SelectProps {
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  readonly options: Readonly<Record<string, string>>;
  readonly error?: string | undefined;
  readonly onChange?: (value: string) => void;
}

export function Select({ name, label, value, options, error: fault, onChange }: SelectProps) {
  const id = useId();
  const error = inWords(fault, name, label);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select
        id={id}
        name={name}
        onChange={(event) => onChange?.(event.currentTarget.value)}
        {...describedBy(id, undefined, error)}
      >
        {Object.entries(options).map(([option, text]) => (
          <option key={option} value={option} selected={option === value}>
            {text}
          </option>
        ))}
      </select>
      <FieldNotes id={id} error={error} />
    </div>
  );
}

interface ChecksProps {
  readonly legend: string;
  /** Each box is submitted as `<name>.<its option>`. */
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
  readonly hint?: string;
  readonly error?: string | undefined;
}

/** A group of checkboxes. */
export function Checks({ legend, name, options, hint, error: fault }: ChecksProps) {
  const id = useId();
  const error = inWords(fault, name, `“${legend}”`);
  return (
    <fieldset {...describedBy(id, hint, error)}>
      <legend>{legend}</legend>
      {Object.entries(options).map(([option, text]) => (
        <label key={option} class="check">
          <input
            type="checkbox"
            name={`${name}.${option}`}
            {...(error !== undefined && { 'aria-invalid': true })}
          />{' '}
          {text}
        </label>
      ))}
      <FieldNotes id={id} hint={hint} error={error} />
    </fieldset>
  );
}

function describedBy(id: string, hint: string | undefined, error: string | undefined) {
  const notes = [
    ...(hint === undefined ? [] : [`${id}-hint`]),
    ...(error === undefined ? [] : [`${id}-error`]),
  ];
  return {
    ...(notes.length > 0 && { 'aria-describedby': notes.join(' ') }),
    ...(error !== undefined && { 'aria-invalid': true }),
  };
}

function FieldNotes({
  id,
  hint,
  error,
}: {
  id: string;
  hint?: string | undefined;
  error?: string | undefined;
}) {
  return (
    <>
      {hint !== undefined && (
        <p id={`${id}-hint`} class="hint">
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p id={`${id}-error`} class="error">
          {error}
        </p>
      )}
    </>
  );
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

import { useId } from 'preact/hooks';

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
  const error =
    fault?.endsWith('at least one entry') === true
      ? 'Choose at least one'
      : inWords(fault, name, `“${legend}”`);
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

/** Of a Fernet token over the longest credential, 4,096 characters. */
const MAX_CHARACTERS = 8192;
/** Every Fernet token begins so until the year 2106: version 0x80, and a time in seconds. */
const FERNET = /^gAAAAA/;
const PYTHON_BYTES = /^b['"]/;

/**
 * A secret of a file, in plain text.
 *
 * @param open decrypts a Fernet token; null when no key does. Null if the file's secrets are plain text.
 */
export function openedSecret(
  value: unknown,
  open: ((token: string) => string | null) | null,
): { readonly secret: unknown } | { readonly problem: string } {
  if (typeof value !== 'string') return { secret: value };
  if (value.length > MAX_CHARACTERS) return { problem: `must have at most ${MAX_CHARACTERS} characters` };
  if (PYTHON_BYTES.test(value))
    return { problem: 'is written as Python prints bytes: leave out b and the quotation marks' };
  if (value === 'NULL' || value === '\\N') return { problem: 'is the word for null: leave the field empty' };
  const isToken = FERNET.test(value);
  if (open === null)
    return isToken
      ? { problem: 'is a Fernet token: give its key in CREDENTIALS_IMPORT_KEY' }
      : { secret: value };
  if (!isToken) return { problem: 'is not a Fernet token, but CREDENTIALS_IMPORT_KEY is set' };
  const secret = open(value);
  return secret === null
    ? { problem: 'is a Fernet token that CREDENTIALS_IMPORT_KEY does not open' }
    : { secret };
}

/** Shorter names are too near to those of other programs. */
const LEAST_LENGTH = 7;

/**
 * Variables that are one letter off a setting which is not set: without this, DATABSE_URL would start the embedded database.
 *
 * @param given variables that have a value.
 */
export function misspelt(
  given: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
): string[] {
  const known = new Set([...settings, ...settings.map((name) => `${name}_FILE`)]);
  const missing = [...known].filter((name) => given[name] === undefined && name.length >= LEAST_LENGTH);
  return Object.keys(given)
    .filter((name) => !known.has(name))
    .flatMap((name) => {
      const meant = missing.find((setting) => isOneOff(name, setting));
      return meant === undefined ? [] : [`${name}: is no setting; ${meant} is`];
    });
}

/** Whether one letter was left out, added, changed, or two neighbours exchanged. */
function isOneOff(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  const rest = (text: string, from: number): string => text.slice(start + from);
  return (
    rest(a, 1) === rest(b, 1) ||
    rest(a, 1) === rest(b, 0) ||
    rest(a, 0) === rest(b, 1) ||
    (a[start] === b[start + 1] && a[start + 1] === b[start] && rest(a, 2) === rest(b, 2))
  );
}

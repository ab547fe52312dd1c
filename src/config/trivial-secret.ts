/** A random 32-byte secret has fewer once in far more than 10^40 tries. */
const LEAST_DIFFERENT = 8;

/** Whether nobody has drawn this secret at random: it has hardly any different characters, or repeats itself. */
export function isTrivial(secret: string): boolean {
  if (new Set(secret).size < LEAST_DIFFERENT) return true;
  for (let period = 1; period <= secret.length / 2; period++) {
    if (secret.startsWith(secret.slice(period))) return true;
  }
  return false;
}

/**
 * What an instance sent as text, fit to be stored and shown: no tags, no control, unassigned or invisible formatting
 * characters (the joiner of emoji excepted), at most `max` characters. Null when nothing is left.
 */
export function plainText(text: string | null | undefined, max: number): string | null {
  const plain = (text ?? '')
    // Far more than can be kept; bounds the work on a hostile text.
    .slice(0, max * 20)
    .toWellFormed()
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s/gu, ' ')
    .replace(/(?!\u200D)\p{C}/gu, '')
    .replace(/ +/g, ' ')
    .trim();
  return [...plain].slice(0, max).join('') || null;
}

import { normalText } from '../common/normal-text.js';

/**
 * Cleans text from an instance so that it is safe to store and show. Removes tags, and control, unassigned and invisible
 * formatting characters, except the joiner of emoji. In normal form, as people's text is, for a username
 * may be compared with one that was typed. Keeps at most `max` characters. Returns null if nothing is left.
 */
export function plainText(text: string | null | undefined, max: number): string | null {
  const plain = (text ?? '')
    // Limits the work on a hostile text, and is far more than the result can hold.
    .slice(0, max * 20)
    .toWellFormed()
    .replace(/<[^<>]*>/g, ' ')
    .replace(/\s/gu, ' ')
    .replace(/(?!\u200D)\p{C}/gu, '')
    .replace(/ +/g, ' ');
  return [...normalText(plain)].slice(0, max).join('') || null;
}

import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';
import { InvalidField } from '../common/domain-error.js';

/** Fewer than a million guesses: a common password, a name, a sequence, a repetition, or a little change of one. */
const TOO_EASY = 1;
/** What is strong so far stays strong. More characters only cost time, up to 150 ms for 128. */
const EXAMINED_CHARACTERS = 40;

const zxcvbn = new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });

/**
 * Whether a password can be guessed within a million attempts, by a bundled list of common ones and their patterns.
 *
 * @param email of the account: its parts are the first that somebody tries.
 */
export function isEasyToGuess(password: string, email: string): boolean {
  const examined = [...password].slice(0, EXAMINED_CHARACTERS).join('');
  return zxcvbn.check(examined, [email, ...email.split(/[@.+_-]/)]).score <= TOO_EASY;
}

/**
 * @param pointer to the field of the password.
 * @throws {InvalidField}
 */
export function assertHardToGuess(password: string, email: string, pointer: `/${string}`): void {
  if (!isEasyToGuess(password, email)) return;
  const detail = `${pointer.slice(1)} is too easy to guess. Use a few words that do not belong together, or a password manager`;
  throw new InvalidField([{ pointer, detail }]);
}

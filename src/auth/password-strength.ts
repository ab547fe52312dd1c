import type { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { InvalidField } from '../common/domain-error.js';

/** Fewer than a million guesses: a common password, a name, a sequence, a repetition, or a little change of one. */
const TOO_EASY = 1;
/**
 * What is strong so far stays strong, and each further character costs time on the event loop: some 2 ms for 16, 10 ms
 * for 24, 30 ms for 40, 150 ms for 128. So most passwords are judged by their beginning.
 */
const EXAMINED_CHARACTERS = [16, 24, 40];

/** Loaded for the first password: its 57,000 words would take part of each start. */
let zxcvbn: Promise<ZxcvbnFactory> | undefined;

async function loadZxcvbn(): Promise<ZxcvbnFactory> {
  const { ZxcvbnFactory } = await import('@zxcvbn-ts/core');
  const { adjacencyGraphs, dictionary } = await import('@zxcvbn-ts/language-common');
  return new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
}

/**
 * Whether a password can be guessed within a million attempts, by a bundled list of common ones and their patterns.
 *
 * @param email of the account: its parts are the first that somebody tries.
 */
export async function isEasyToGuess(password: string, email: string): Promise<boolean> {
  const characters = [...password];
  const parts = email.split(/[@.+_-]/);
  const factory = await (zxcvbn ??= loadZxcvbn());
  return EXAMINED_CHARACTERS.every((count) => {
    const examined = characters.slice(0, count).join('');
    return factory.check(examined, [email.slice(0, count), ...parts]).score <= TOO_EASY;
  });
}

/**
 * @param pointer to the field of the password.
 * @throws {InvalidField}
 */
export async function assertHardToGuess(
  password: string,
  email: string,
  pointer: `/${string}`,
): Promise<void> {
  if (!(await isEasyToGuess(password, email))) return;
  const detail = `${pointer.slice(1)} is too easy to guess. Use a few words that do not belong together, or a password manager`;
  throw new InvalidField([{ pointer, detail }]);
}

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { opaqueString } from '../../common/normal-text.js';
import { CommandFailed } from '../command-failed.js';
import { secretSetting } from './secret-setting.js';

const SETTING = 'CREDENTIALS_PASSPHRASE';
const LEAST_CHARACTERS = 12;

/** For a new file. @throws {CommandFailed} when it is too short, or was typed in two ways. */
export async function newPassphrase(): Promise<string> {
  const set = secretSetting(SETTING);
  const passphrase = opaqueString(set ?? (await typed('Passphrase for the file: ')));
  if ([...passphrase].length < LEAST_CHARACTERS)
    throw new CommandFailed(`The passphrase must have at least ${LEAST_CHARACTERS} characters.`);
  if (set === null && opaqueString(await typed('The same again: ')) !== passphrase)
    throw new CommandFailed('The two passphrases differ.');
  return passphrase;
}

/** Of a file that exists. */
export async function passphrase(): Promise<string> {
  return opaqueString(secretSetting(SETTING) ?? (await typed('Passphrase of the file: ')));
}

/** Asks on the terminal, without showing what is typed. */
async function typed(question: string): Promise<string> {
  if (!process.stdin.isTTY)
    throw new CommandFailed(
      `Set ${SETTING} or ${SETTING}_FILE: there is no terminal to ask for a passphrase.`,
    );
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true, historySize: 0 });
  try {
    return await new Promise((resolve, reject) => {
      terminal
        .once('line', resolve)
        .once('close', () => reject(new CommandFailed('No passphrase was given.')));
    });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

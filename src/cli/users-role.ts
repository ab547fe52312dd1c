import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { loadConfig } from '../config/load-config.js';
import type { Role } from '../http/auth/auth-user.js';
import type { AccountOrigin } from '../users/account.js';
import { CommandFailed } from './command-failed.js';
import { say } from './output.js';

/** Adds `users:promote` and `users:demote`. */
export function registerUsersRole(program: Command): void {
  for (const [name, role, description] of [
    ['users:promote', 'admin', 'make an account an administrator'],
    ['users:demote', 'user', 'make an administrator an ordinary user'],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument('<account>', 'its id, or its e-mail address; an address is asked about first')
      .action((account: string) => setRole(account, role));
  }
}

async function setRole(account: string, role: Role): Promise<void> {
  const config = loadConfig(process.env);
  const { withDatabase } = await import('./with-database.js');
  const { auditOf } = await import('./audit-of.js');
  const { UsersService } = await import('../users/users.service.js');
  const byId = /^\d{1,9}$/.test(account);
  await withDatabase(config, async (database) => {
    const users = new UsersService(database, (await auditOf(database, config)).log);
    const found = await users.originOf(byId ? Number(account) : account);
    if (found === null)
      throw new CommandFailed(`There is no account with the ${byId ? 'id' : 'e-mail address'} ${account}.`);
    // Somebody else may have registered this address.
    say(described(found));
    if (!byId && process.stdin.isTTY && !(await isConfirmed()))
      throw new CommandFailed('Nothing was changed.');
    await users.setRole(found.id, role);
    const seconds = config.tokens.accessTtlSeconds;
    say(
      `${found.email} is now ${role === 'admin' ? 'an admin' : 'a user'}. This takes effect when the access token is next refreshed, within ${seconds} s.`,
    );
  });
}

function described({ id, email, role, oidcIssuer, createdAt }: AccountOrigin): string {
  const signIn = oidcIssuer === null ? 'a password' : oidcIssuer;
  return `Account ${id}, ${email}: signs in with ${signIn}, was created at ${createdAt.toISOString()}, has the role ${role}.`;
}

async function isConfirmed(): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test(await terminal.question('Is this the account that you mean? [y/N] '));
  } finally {
    terminal.close();
  }
}

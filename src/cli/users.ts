import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { isEmail } from 'class-validator';
import type { Command } from 'commander';
import type { AuditLog } from '../audit/audit-log.js';
import { isVisible } from '../common/normal-text.js';
import type { AppConfig } from '../config/app-config.js';
import { loadConfig } from '../config/load-config.js';
import type { Database } from '../database/database.js';
import type { Role } from '../http/auth/auth-user.js';
import type { AccountOrigin } from '../users/account.js';
import type { UsersService } from '../users/users.service.js';
import { CommandFailed } from './command-failed.js';
import { say } from './output.js';

interface Tools {
  readonly config: AppConfig;
  readonly database: Database;
  readonly audit: AuditLog;
  readonly users: UsersService;
}

const ACCOUNT = ['<account>', 'its id, or its e-mail address; an address is asked about first'] as const;
const PAGE_ROWS = 1000;
/** This process does not drop what is cached: the outbox of those that serve does. */
const SESSIONS_END =
  'All its sessions have ended; every process refuses their access tokens within a second.';

/** Adds `users:list`, `users:create`, `users:promote`, `users:demote`, `users:reset-password` and `users:remove-factors`. */
export function registerUsers(program: Command): void {
  program
    .command('users:list')
    .description(
      'print all accounts, a line each: id, address, role, how they sign in, when they were created',
    )
    .action(() => withTools(list));
  program
    .command('users:create')
    .description('create an account, also where registration is closed, and print its password once')
    .argument('<email>', 'its e-mail address')
    .option('--admin', 'make it an administrator')
    .action((email: string, { admin }: { admin?: true }) =>
      withTools((tools) => create(tools, email, admin === true ? 'admin' : 'user')),
    );
  for (const [name, role, description] of [
    ['users:promote', 'admin', 'make an account an administrator'],
    ['users:demote', 'user', 'make an administrator an ordinary user'],
  ] as const) {
    program
      .command(name)
      .description(description)
      .argument(...ACCOUNT)
      .action((account: string) => withTools((tools) => setRole(tools, account, role)));
  }
  program
    .command('users:reset-password')
    .description('give an account a new password, print it once, and end the sessions of the account')
    .argument(...ACCOUNT)
    .action((account: string) => withTools((tools) => resetPassword(tools, account)));
  program
    .command('users:remove-factors')
    .description(
      'remove the second factors of somebody who has lost them, and end the sessions of the account',
    )
    .argument(...ACCOUNT)
    .action((account: string) => withTools((tools) => removeFactors(tools, account)));
}

async function withTools(work: (tools: Tools) => Promise<void>): Promise<void> {
  const config = loadConfig(process.env);
  const { withDatabase } = await import('./with-database.js');
  const { auditOf } = await import('./audit-of.js');
  const { UsersService } = await import('../users/users.service.js');
  await withDatabase(config, async (database) => {
    const { log: audit } = await auditOf(database, config);
    await work({ config, database, audit, users: new UsersService(database, audit) });
  });
}

async function list({ users }: Tools): Promise<void> {
  for (let afterId = 0; ;) {
    const page = await users.list(afterId, PAGE_ROWS);
    for (const { id, email, role, oidcIssuer, createdAt } of page)
      say([id, email, role, oidcIssuer ?? 'password', createdAt.toISOString()].join('\t'));
    if (page.length < PAGE_ROWS) return;
    afterId = page.at(-1)?.id ?? 0;
  }
}

async function create({ users, audit, database }: Tools, email: string, role: Role): Promise<void> {
  if (!isEmail(email) || !isVisible(email)) throw new CommandFailed(`${email} is not an e-mail address.`);
  const { password, hash } = await newPassword();
  const { id } = await database.transaction(async (manager) => {
    const created = await users.create(email, hash, manager);
    await audit.writeIn(manager, { action: 'account.register', outcome: 'done', userId: created.id });
    return created;
  });
  if (role === 'admin') await users.setRole(id, role);
  say(`Account ${id} was created. Its password, which is shown only here: ${password}`);
}

async function setRole(tools: Tools, account: string, role: Role): Promise<void> {
  const { id, email } = await meant(tools, account);
  await tools.users.setRole(id, role);
  say(`${email} is now ${role === 'admin' ? 'an admin' : 'a user'}. ${SESSIONS_END}`);
}

async function resetPassword(tools: Tools, account: string): Promise<void> {
  const { id, email, oidcIssuer } = await meant(tools, account);
  if (oidcIssuer !== null)
    throw new CommandFailed(`${email} signs in with ${oidcIssuer} and has no password here.`);
  const { SessionWriter } = await import('../sessions/session-writer.js');
  const { config, database, audit, users } = tools;
  const { password, hash } = await newPassword();
  await database.transaction(async (manager) => {
    await users.setPassword(id, hash, manager);
    await new SessionWriter(config).endAll(id, manager);
    await audit.writeIn(manager, { action: 'account.password', outcome: 'reset', userId: id });
  });
  say(`The new password of ${email}, which is shown only here: ${password}`);
  say(SESSIONS_END);
}

async function removeFactors(tools: Tools, account: string): Promise<void> {
  const { id, email } = await meant(tools, account);
  const { removeFactorsOf } = await import('../factors/remove-factors.js');
  const { SessionWriter } = await import('../sessions/session-writer.js');
  const { config, database, audit } = tools;
  await database.transaction(async (manager) => {
    if (!(await removeFactorsOf(id, manager))) throw new CommandFailed(`${email} has no second factor.`);
    await new SessionWriter(config).endAll(id, manager);
    await audit.writeIn(manager, { action: 'second_factor.remove', outcome: 'removed', userId: id });
  });
  say(`The second factors of ${email} are removed: the password alone signs in.`);
  say(SESSIONS_END);
}

async function newPassword(): Promise<{ password: string; hash: string }> {
  const { Passwords } = await import('../auth/passwords.js');
  const password = randomBytes(15).toString('base64url');
  return { password, hash: await new Passwords().hash(password) };
}

/** Says whose the account is: somebody else may have registered the address. */
async function meant({ users }: Tools, account: string): Promise<AccountOrigin> {
  const byId = /^\d{1,9}$/.test(account);
  const found = await users.originOf(byId ? Number(account) : account);
  if (found === null)
    throw new CommandFailed(`There is no account with the ${byId ? 'id' : 'e-mail address'} ${account}.`);
  say(described(found));
  if (!byId && process.stdin.isTTY && !(await isConfirmed())) throw new CommandFailed('Nothing was changed.');
  return found;
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

import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { AuditChain, systemRow } from '../../../src/audit/audit-chain.js';
import { AuditLog } from '../../../src/audit/audit-log.js';
import { AuditRetention } from '../../../src/audit/audit-retention.js';
import { AuditVerifier } from '../../../src/audit/audit-verifier.js';
import { FernetKey } from '../../../src/crypto/fernet.js';
import { Database } from '../../../src/database/database.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { Backends } from '../../support/backends.js';
import { deferred } from '../../support/barrier.js';
import { runCli } from '../../support/cli.js';
import { createPlatform, register } from '../../support/factories.js';
import { reveal } from '../../support/reveal.js';
import { StatementCounter } from '../../support/statements.js';

jest.setTimeout(90_000);

let backends: Backends;
let app: TestApp;
let other: TestApp;

beforeAll(async () => {
  backends = await Backends.create();
  app = await startTestApp({ backends });
  other = await startTestApp({ backends });
});
afterAll(async () => {
  await app.expectCleanRecord();
  await other.app.close();
  await app.app.close();
  await backends.remove();
});

const write = (to = app): Promise<void> =>
  to.app.get(AuditLog).write({ action: 'account.role', outcome: 'done', detail: 'a test' });

const verify = (...options: string[]) => runCli(['audit:verify', ...options], backends.env());

async function lastId(): Promise<number> {
  const [row] = await backends.rows<{ id: number }>('SELECT max(id)::integer AS id FROM audit_log');
  return row?.id ?? 0;
}

/** As somebody does it who may do everything in the database, and who has not the key. */
async function tamper(...statements: string[]): Promise<void> {
  const client = await backends.sql.connect();
  let done = false;
  try {
    await client.query('BEGIN');
    await client.query('ALTER TABLE audit_log DISABLE TRIGGER USER');
    for (const statement of statements) await client.query(statement);
    await client.query('ALTER TABLE audit_log ENABLE TRIGGER USER');
    await client.query('COMMIT');
    done = true;
  } finally {
    // A connection in the middle of a transaction is of no use to others.
    client.release(!done);
  }
}

/** Tampers, hears what is found, and puts everything back. */
async function verdictOn(...statements: string[]): Promise<string> {
  await backends.rows('CREATE TABLE kept_log AS TABLE audit_log');
  await backends.rows('CREATE TABLE kept_chain AS TABLE audit_chain');
  await tamper(...statements);
  const verdict = await new AuditVerifier(app.app.get(Database), app.app.get(AuditChain)).verify(null);
  await tamper(
    'DELETE FROM audit_log',
    'INSERT INTO audit_log SELECT * FROM kept_log',
    'DELETE FROM audit_chain',
    'INSERT INTO audit_chain SELECT * FROM kept_chain',
    'DROP TABLE kept_log, kept_chain',
  );
  return verdict.faults.join(' ');
}

describe('the audit trail', () => {
  it('is refused any change and any removal by the database itself', async () => {
    await write();
    for (const sql of [
      `UPDATE audit_log SET detail = 'x'`,
      'DELETE FROM audit_log',
      'TRUNCATE audit_log',
      'TRUNCATE audit_log, audit_chain',
    ])
      await expect(backends.rows(sql)).rejects.toThrow('audit_log is append-only');
  });

  it('has no gap and no fork, however many write at once, in two processes', async () => {
    const before = await lastId();
    const statements = await StatementCounter.install(backends);
    await Promise.all(Array.from({ length: 200 }, (_, n) => write(n % 2 === 0 ? app : other)));
    expect(await lastId()).toBe(before + 200);
    // Those that wait go together.
    expect(await statements.calls('INSERT INTO audit_log')).toBeLessThan(50);
    const { code, stdout } = await verify();
    expect([code, stdout]).toEqual([
      0,
      expect.stringMatching(/^\d+ entries are complete and unchanged\.\nHead: /),
    ]);
  });

  it('refuses one entry of those that go together, and writes the others in their order', async () => {
    await backends.rows("ALTER TABLE audit_log ADD CONSTRAINT no_such CHECK (detail <> 'refused')");
    const details = ['first', 'refused', 'second', 'third'];
    const log = app.app.get(AuditLog);
    const written = await Promise.allSettled(
      details.map((detail) => log.write({ action: 'account.role', outcome: 'done', detail })),
    );
    await backends.rows('ALTER TABLE audit_log DROP CONSTRAINT no_such');
    expect(written.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(await backends.rows('SELECT detail FROM audit_log ORDER BY id DESC LIMIT 3')).toEqual([
      { detail: 'third' },
      { detail: 'second' },
      { detail: 'first' },
    ]);
    expect((await verify()).code).toBe(0);
  });

  describe.each([
    ['another process', () => other],
    ['this process', () => app],
  ])('beside a transaction of %s that does not end', (_, holder) => {
    it.each([
      ['has locked the trail', (chain: AuditChain, manager: EntityManager) => chain.lock(manager)],
      [
        'has appended to it',
        (chain: AuditChain, manager: EntityManager) =>
          chain.appendIn(manager, [systemRow('audit.trim', new Date(), 'a test')]),
      ],
    ])('and %s, goes on', async (__, hold) => {
      const chain = holder().app.get(AuditChain);
      for (let n = 0; n < 3; n++) await write(holder());
      const before = await lastId();
      const held = deferred();
      const end = deferred();
      const holding = holder()
        .app.get(Database)
        .transaction(async (manager) => {
          await hold(chain, manager);
          held.resolve();
          await end.promise;
        });
      await held.promise;
      await write();
      await write();
      end.resolve();
      // PostgreSQL has ended its session.
      await expect(holding).rejects.toThrow('temporarily unavailable');
      expect(await lastId()).toBe(before + 2);
      expect((await verify()).code).toBe(0);
    });
  });

  it('goes on when a transaction waits for one that waits for its turn', async () => {
    const database = app.app.get(Database);
    const log = app.app.get(AuditLog);
    const record = { action: 'account.role', outcome: 'done', detail: 'a test' } as const;
    await backends.rows('CREATE TABLE contended (id integer)');
    await backends.rows('INSERT INTO contended VALUES (1)');
    const locked = deferred();
    const appended = deferred();
    let attempts = 0;
    const before = await lastId();
    await Promise.all([
      database.transaction(async (manager) => {
        attempts++;
        await manager.query('UPDATE contended SET id = 1');
        locked.resolve();
        await appended.promise;
        await log.writeIn(manager, record);
      }),
      database.transaction(async (manager) => {
        attempts++;
        await locked.promise;
        await log.writeIn(manager, record);
        appended.resolve();
        await manager.query('UPDATE contended SET id = 1');
      }),
    ]);
    await backends.rows('DROP TABLE contended');
    expect(attempts).toBe(3);
    expect(await lastId()).toBe(before + 2);
    expect((await verify()).code).toBe(0);
  });

  it('is locked by no statement of a process that was the last to write', async () => {
    const ada = await register(app.client, backends.secrets);
    for (let n = 0; n < 3; n++) await createPlatform(ada, backends.secrets);
    const statements = await StatementCounter.install(backends);
    await Promise.all(Array.from({ length: 10 }, () => createPlatform(ada, backends.secrets)));
    expect(await statements.calls('INSERT INTO audit_log')).toBe(10);
    expect(await statements.calls('audit_chain FOR UPDATE')).toBe(0);
  });

  it.each([
    [
      'an edited entry',
      () => [`UPDATE audit_log SET user_id = 4711 WHERE id = 3`],
      /Entries 3 to \d+ were changed/,
    ],
    [
      'an edited time',
      () => [`UPDATE audit_log SET at = at - interval '1 ms' WHERE id = 3`],
      /Entries 3 to \d+ were changed/,
    ],
    ['a removed entry', () => ['DELETE FROM audit_log WHERE id = 3'], /Entries 3 to 3 are missing/],
    [
      'a removed entry whose followers move up',
      (last: number) => [
        'DELETE FROM audit_log WHERE id = 3',
        // In two steps: each row's new number has to be free at that moment.
        'UPDATE audit_log SET id = -id WHERE id > 3',
        'UPDATE audit_log SET id = -id - 1 WHERE id < 0',
        `UPDATE audit_chain SET last_id = ${last - 1}`,
      ],
      /Entries 3 to \d+ were changed[^]*wrong seal/,
    ],
    [
      'two entries that change places',
      () => [
        'UPDATE audit_log SET id = -1 WHERE id = 3',
        'UPDATE audit_log SET id = 3 WHERE id = 4',
        'UPDATE audit_log SET id = 4 WHERE id = -1',
      ],
      /Entries 3 to \d+ were changed/,
    ],
    [
      'an entry with the MAC of another',
      () => ['UPDATE audit_log SET mac = (SELECT mac FROM audit_log WHERE id = 4) WHERE id = 3'],
      /Entries 3 to \d+ were changed/,
    ],
    [
      'removed first entries',
      () => ['DELETE FROM audit_log WHERE id < 3'],
      /The first entry of the trail is missing/,
    ],
    [
      'removed first entries, by a made-up retention',
      (last: number) => [
        'DELETE FROM audit_log WHERE id < 3',
        `INSERT INTO audit_log (id, at, action, outcome, actor, reason, detail, address, request_id, mac)
           SELECT ${last + 1}, at, 'audit.trim', outcome, actor, '', 'removed up to 2:' || repeat('A', 43), '', '', mac
           FROM audit_log WHERE id = 3`,
      ],
      /Entries 3 to \d+ were changed/,
    ],
    ['a cut', (last: number) => [`DELETE FROM audit_log WHERE id > ${last - 3}`], /its head says/],
    [
      'a cut, and the head moved back',
      (last: number) => [
        `DELETE FROM audit_log WHERE id > ${last - 3}`,
        `UPDATE audit_chain SET last_id = ${last - 3}, last_mac = (SELECT mac FROM audit_log WHERE id = ${last - 3})`,
      ],
      /The head of the trail has a wrong seal/,
    ],
    ['a removed head', () => ['DELETE FROM audit_chain'], /The head of the trail is missing/],
  ])('audit:verify finds %s', async (_, statements, says) => {
    expect(await verdictOn(...statements(await lastId()))).toMatch(says);
  });

  it('keeps the evidence when somebody writes after a cut', async () => {
    const last = await lastId();
    const [kept] = await backends.rows<{ last_id: string; last_mac: string }>(
      'SELECT last_id, last_mac FROM audit_chain',
    );
    await tamper(
      `DELETE FROM audit_log WHERE id > ${last - 2}`,
      `UPDATE audit_chain SET last_id = ${last - 2}, last_mac = (SELECT mac FROM audit_log WHERE id = ${last - 2})`,
    );
    await write();
    expect(await lastId()).toBe(last);
    const { code, stdout } = await verify('--head', `${kept?.last_id}:${kept?.last_mac}`);
    expect(code).toBe(1);
    expect(stdout).toContain(`says that the head at entry ${last - 2} has a wrong seal`);
    expect(stdout).toContain(`Entry ${last} is not the one that was kept.`);
  });
});

describe('a trail of its own', () => {
  let own: Backends;

  beforeAll(async () => {
    own = await Backends.create();
  });
  afterAll(() => own.remove());

  it('is shortened by retention, and verified from there; a head that was kept tells of a rollback', async () => {
    const api = await startTestApp({ backends: own });
    const person = await register(api.client, own.secrets);
    const { id } = await createPlatform(person, own.secrets);
    for (let n = 0; n < 3; n++) await reveal(person, id);
    const entries = await own.rows<{ id: string; at: Date }>('SELECT id, at FROM audit_log ORDER BY id');
    const bound = entries[3]?.at.getTime() ?? 0;
    const old = entries.filter(({ at }) => at.getTime() < bound).length;
    expect(await api.app.get(AuditRetention).trim(bound)).toBe(old);
    const left = await own.rows<{ id: string; action: string }>(
      'SELECT id, action FROM audit_log ORDER BY id',
    );
    expect(left[0]?.id).toBe(entries[old]?.id);
    expect(left.at(-1)?.action).toBe('audit.trim');
    expect(await api.app.get(AuditRetention).trim(bound)).toBe(0);

    const first = await runCli(['audit:verify'], own.env());
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`${left.length} entries are complete`),
    });
    const head = /^Head: (.+)$/m.exec(first.stdout)?.[1] ?? '';
    await reveal(person, id);
    const later = await runCli(['audit:verify', '--head', head], own.env());
    expect(later.code).toBe(0);
    const unknown = await runCli(['audit:verify', '--head', `999:${'A'.repeat(43)}`], own.env());
    expect(unknown.stdout).toMatch(/Entries \d+ to 999 were removed\./);
    const malformed = await runCli(['audit:verify', '--head', 'x'], own.env());
    expect(malformed).toMatchObject({ code: 1, stderr: expect.stringContaining('--head must be') });
    await api.expectCleanRecord();
    await api.app.close();
  });

  it('stays right when the keys are rotated, and says so', async () => {
    const newKey = FernetKey.generate();
    own.addKeys(newKey);
    const both = { ...own.env(), PLATFORM_ENCRYPTION_KEY: `${newKey},${own.encryptionKey}` };
    expect(await runCli(['keys:rotate'], both)).toMatchObject({ code: 0 });
    const after = { ...own.env(), PLATFORM_ENCRYPTION_KEY: newKey };
    const { code, stdout } = await runCli(['audit:verify'], after);
    expect([code, stdout]).toEqual([0, expect.stringContaining('complete and unchanged')]);
    const [rotated] = await own.rows(
      `SELECT outcome, actor, detail FROM audit_log WHERE action = 'keys.rotate'`,
    );
    expect(rotated).toMatchObject({
      outcome: 'done',
      actor: 'operator',
      detail: expect.stringContaining('1 keys of the audit trail'),
    });
    const wrong = await runCli(['audit:verify'], {
      ...own.env(),
      PLATFORM_ENCRYPTION_KEY: FernetKey.generate(),
    });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot decrypt this database') });
  });
});

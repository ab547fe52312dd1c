import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CredentialCipher, type CredentialsOwner } from '../../../src/credentials/credential-cipher.js';
import type { SealedCredentials } from '../../../src/credentials/sealed-credentials.js';
import { FernetKey, fernetEncrypt } from '../../../src/crypto/fernet.js';
import { type TestApp, startTestApp } from '../../support/app.js';
import { waitUntil } from '../../support/barrier.js';
import { runCli, startCli } from '../../support/cli.js';
import { register } from '../../support/factories.js';
import { reveal } from '../../support/reveal.js';

// Each start of the program takes seconds where others use the machine.
jest.setTimeout(180_000);

const HEADER =
  'id,user_email,name,platform_type,instance_url,username,access_token,client_key,client_secret,is_active,is_default\n';
/** By hand: TRANSFER_PEOPLE=25000 for 100,000 rows. */
const PEOPLE = Number(process.env.TRANSFER_PEOPLE ?? 250);
const EACH = 4;

let app: TestApp;
let folder: string;

beforeAll(async () => {
  app = await startTestApp();
  folder = await mkdtemp(join(tmpdir(), 'transfer-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await app.close();
});

const secret = (what: string) => app.backends.secrets.make(what);
const pathOf = (name: string) => join(folder, name);
async function fileOf(name: string, text: string | Buffer): Promise<string> {
  await writeFile(pathOf(name), text);
  return pathOf(name);
}
async function run(args: string[], env: Record<string, string> = {}) {
  const done = await runCli(args, { ...app.backends.env(), ...env });
  app.backends.logs.push(() => [done.stdout, done.stderr]);
  return done;
}
const emailOf = (person: number) => `person-${person}@transfer.example`;

interface Row extends CredentialsOwner, SealedCredentials {
  readonly email: string;
  readonly name: string;
  readonly platformType: string;
  readonly isActive: boolean;
  readonly isDefault: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly externalId: string | null;
}

/** All connections in plain text, without what is new at each import: ids and ciphertexts. */
async function connections() {
  const cipher = new CredentialCipher(app.backends.keyRing);
  const rows = await app.backends.rows<Row>(
    `SELECT p.id, user_id AS "userId", email, name, platform_type AS "platformType", instance_url AS "instanceUrl", username,
       access_token AS "accessToken", client_key AS "clientKey", client_secret AS "clientSecret", key_id AS "keyId", seal,
       is_active AS "isActive", is_default AS "isDefault", labels, external_id AS "externalId"
     FROM platform_connections p JOIN users u ON u.id = user_id ORDER BY email, name`,
  );
  return rows.map((row) => {
    const { email, name, platformType, instanceUrl, username, isActive, isDefault, labels, externalId } = row;
    const credentials = cipher.decrypt(row, row);
    const account = { email, name, platformType, instanceUrl, username };
    return { ...account, isActive, isDefault, labels, externalId, credentials };
  });
}

describe('credentials:import of a table', () => {
  const lines: string[] = [];
  const bad: [line: number, text: string, report: string][] = [];
  let file: string;
  let before: Awaited<ReturnType<typeof connections>>;
  let passphrase: string;

  beforeAll(async () => {
    passphrase = secret('passphrase');
    for (let person = 0; person < PEOPLE; person++) {
      for (let own = 0; own < EACH; own++) {
        const fields = [
          `"Konto, ""${own}"""`,
          'mastodon',
          `HTTPS://Instance-${own}.example/`,
          `user${person}`,
        ];
        const optional = own === 1 ? [secret('client-key'), secret('client-secret')] : ['', ''];
        // The third is the default, and the last one is not active.
        const flags = [own === 3 ? '0' : '1', own === 2 ? 't' : ''];
        lines.push(
          [lines.length, emailOf(person), ...fields, secret('token'), ...optional, ...flags].join(','),
        );
      }
    }
    const line = (...fields: string[]) => ['1', emailOf(0), ...fields].join(',');
    const token = secret('token');
    const wrong = [
      [line('a', 'mastodon', 'a.example', 'a', '', '', '', '', ''), 'access_token: is required'],
      [
        line('a', 'mastodon', 'http://a.example', 'a', token, '', '', '', ''),
        'instance_url: Enter the server',
      ],
      [line('a', 'toot', 'a.example', 'a', token, '', '', '', ''), 'platform_type: must be one of'],
      [
        line('x'.repeat(101), 'mastodon', 'a.example', 'a', token, '', '', '', ''),
        'name: must have 1 to 100',
      ],
      [
        line('a', 'mastodon', 'a.example', 'a\u0007', token, '', '', '', ''),
        'username: must be text without',
      ],
      [
        line('a', 'mastodon', 'a.example', 'a', token, '', '', '', 'yes'),
        'is_default: must be true or false',
      ],
      [
        line('a', 'mastodon', 'a.example', 'a', token, '', '', '0', '1'),
        'is_default: an inactive connection',
      ],
      [
        line('"Konto, ""0"""', 'mastodon', 'a.example', 'a', token, '', '', '', ''),
        'name: another connection',
      ],
      [line('a', 'mastodon', 'a.example', 'a', token, '', '', '', '', ''), 'has 12 fields where 11 columns'],
      [line('a', 'mastodon', 'a.example', 'a', `"${token}`, '', '', '', ''), 'has a quotation mark'],
    ] as const;
    for (const [index, [text, report]] of wrong.entries()) {
      // Behind the four of the first person, and then across the file.
      const at = EACH + Math.floor((index * lines.length) / wrong.length);
      lines.splice(at, 0, text);
      bad.push([0, text, report]);
    }
    for (const each of bad) each[0] = lines.indexOf(each[1]) + 2;
    file = await fileOf('table.csv', `${HEADER}${lines.join('\n')}\n`);
  });

  const expectReport = (stdout: string): void => {
    const reported = stdout.split('\n').filter((text) => text.startsWith('Line '));
    expect(reported).toHaveLength(bad.length);
    for (const [index, [line, , report]] of bad.entries())
      expect(reported[index]?.startsWith(`Line ${line}: ${report}`)).toBe(true);
  };
  const count = async (table: string): Promise<number> => {
    const [row] = await app.backends.rows<{ count: number }>(`SELECT count(*)::integer FROM ${table}`);
    return row?.count ?? 0;
  };

  it('reports in a dry run what it would do, and writes nothing', async () => {
    const [users, entries] = [await count('users'), await count('audit_log')];
    const { code, stdout, stderr } = await run(['credentials:import', '--dry-run', '--create-users', file]);
    expectReport(stdout);
    expect(stdout).toContain(
      `Nothing was written. An import would do this: ${PEOPLE * EACH} connections imported, ${PEOPLE} accounts created, 0 lines already there, 10 lines failed.`,
    );
    expect({ code, stderr }).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\nSome lines failed\. .+\n$/),
    });
    expect([await count('platform_connections'), await count('users')]).toEqual([0, users]);
    expect(await count('audit_log')).toBe(entries);
  });

  it('is killed, leaves nothing half-written, and goes on without doubles when it is run again', async () => {
    const args = ['credentials:import', '--create-users', file];
    const env = app.backends.env();
    const killed = startCli(args, env);
    app.backends.logs.push(() => killed.output());
    await waitUntil(async () => (await count('platform_connections')) > 300, {
      timeoutMs: 90_000,
      what: 'the first batches',
    });
    killed.kill();
    expect((await killed.done).code).toBeNull();
    const written = await connections();
    expect(written.length).toBeLessThan(PEOPLE * EACH);
    // Whole batches: the lines from the first on, but for the wrong ones.
    const lastLine = Math.ceil(written.length / 200) * 200;
    const right = lines.slice(0, lastLine).filter((line) => !bad.some(([, text]) => text === line));
    expect(written).toHaveLength(right.length);
    const [{ without } = { without: -1 }] = await app.backends.rows<{ without: number }>(
      `SELECT count(*)::integer AS without FROM users u
       WHERE email LIKE '%@transfer.example' AND NOT EXISTS (SELECT FROM platform_connections WHERE user_id = u.id)`,
    );
    expect(without).toBe(0);

    const again = await run(args);
    expectReport(again.stdout);
    const rest = PEOPLE * EACH - written.length;
    expect(again.stdout).toContain(`Done: ${rest} connections imported`);
    expect(again.stdout).toContain(`${written.length} lines already there, 10 lines failed.`);
    before = await connections();
    expect(before).toHaveLength(PEOPLE * EACH);
    expect(before.every(({ credentials }) => credentials !== null)).toBe(true);
    expect(before.filter(({ isDefault }) => isDefault).map(({ name }) => name)).toEqual(
      Array.from({ length: PEOPLE }, () => 'Konto, "2"'),
    );
    expect(before.filter(({ isActive }) => !isActive)).toHaveLength(PEOPLE);
    expect(before.filter(({ credentials }) => credentials?.clientSecret !== null)).toHaveLength(PEOPLE);
    expect(before[0]?.instanceUrl).toBe('https://instance-0.example');
  });

  it('left an entry of each connection and account in the audit trail, and no row twice', async () => {
    const entries = await app.backends.rows<{ action: string; count: number }>(
      `SELECT action, count(DISTINCT (user_id, platform_id))::integer AS count FROM audit_log
       WHERE detail = 'import' GROUP BY action ORDER BY action`,
    );
    expect(entries).toEqual([
      { action: 'account.register', count: PEOPLE },
      { action: 'platform.create', count: PEOPLE * EACH },
    ]);
    expect(
      await app.backends.rows(`SELECT actor, outcome FROM audit_log WHERE action = 'credentials.import'`),
    ).toEqual([{ actor: 'operator', outcome: 'incomplete' }]);
    expect(await run(['audit:verify'])).toMatchObject({ code: 0 });
  });

  it.each(['csv', 'json'])('is equal after an export as %s and an import of it', async (format) => {
    const env = { CREDENTIALS_PASSPHRASE: passphrase };
    await app.backends.rows(
      `UPDATE platform_connections SET labels = jsonb_build_object('format', $1::text, 'note', name), external_id = name`,
      [format],
    );
    const had = await connections();
    const sealed = pathOf(`all.${format}.sealed`);
    const exported = await run(['credentials:export', '--format', format, sealed], env);
    expect(exported).toMatchObject({
      code: 0,
      stdout: `Exported ${PEOPLE * EACH} platform connections to ${sealed}.\n`,
    });
    expect((await stat(sealed)).mode & 0o777).toBe(0o600);
    const bytes = await readFile(sealed);
    expect(app.backends.secrets.foundIn(bytes.toString('latin1'))).toEqual([]);
    await app.backends.rows('DELETE FROM platform_connections');
    await app.backends.rows(`DELETE FROM users WHERE email LIKE '%@transfer.example'`);

    const imported = await run(['credentials:import', '--create-users', sealed], env);
    expect(imported).toMatchObject({
      code: 0,
      stdout: `Done: ${PEOPLE * EACH} connections imported, ${PEOPLE} accounts created, 0 lines already there, 0 lines failed.\n`,
    });
    expect(await connections()).toEqual(had);
  });

  it('leaves each export in the audit trail', async () => {
    const entries = await app.backends.rows(
      `SELECT actor, outcome, detail FROM audit_log WHERE action = 'credentials.export'`,
    );
    const entry = { actor: 'operator', outcome: 'begun', detail: `${PEOPLE * EACH} platform connections` };
    expect(entries).toEqual([entry, entry]);
  });

  it('imports nothing of a sealed file that is cut off, or without its passphrase', async () => {
    const bytes = await readFile(pathOf('all.csv.sealed'));
    const cut = await fileOf('cut.sealed', bytes.subarray(0, -1));
    for (const [path, settings, message] of [
      [cut, { CREDENTIALS_PASSPHRASE: passphrase }, /is cut off/],
      [pathOf('all.csv.sealed'), { CREDENTIALS_PASSPHRASE: secret('passphrase') }, /The passphrase is wrong/],
      [pathOf('all.csv.sealed'), {}, /^Set CREDENTIALS_PASSPHRASE or/],
    ] as const) {
      const refused = await run(['credentials:import', path], settings);
      expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(message) });
    }
  });
});

describe('credentials:import beside a running API', () => {
  it('opens Fernet tokens under a key in the standard alphabet; lists that were cached are renewed', async () => {
    const { client, backends } = app;
    const person = await register(client, backends.secrets);
    const own = client.as(person);
    expect((await own.get('/v1/platforms')).json()).toEqual([]);

    const key = FernetKey.generate();
    const standard = key.replaceAll('-', '+').replaceAll('_', '/');
    backends.secrets.add(key, standard);
    const accessToken = secret('token');
    const token = fernetEncrypt(FernetKey.parse(key), accessToken);
    const row = {
      id: 1,
      user_id: 'abc',
      user_email: person.email.toUpperCase(),
      name: 'Cafe\u0301',
      platform_type: 'pixelfed',
      instance_url: 'pixelfed.example',
      username: null,
      access_token: token,
      is_active: 1,
      is_default: true,
    };
    const other = { ...row, name: 'other', username: 'other' };
    const rows = [
      row,
      { ...other, access_token: secret('token') },
      { ...other, access_token: `b'${token}'` },
      { ...other, access_token: fernetEncrypt(FernetKey.parse(FernetKey.generate()), accessToken) },
      { ...other, user_email: 'nobody@transfer.example' },
      { ...other, user_email: 'nobody', name: 7, [secret('column')]: 1 },
      { ...other, client_key: 'NULL' },
    ];
    const file = await fileOf('rows.json', JSON.stringify(rows, null, 1));
    const lineOf = (index: number) => 2 + index * 12;
    const { code, stdout } = await run(['credentials:import', file], { CREDENTIALS_IMPORT_KEY: standard });
    expect(code).toBe(1);
    expect(stdout.split('\n')).toEqual([
      `Line ${lineOf(1)}: access_token: is not a Fernet token, but CREDENTIALS_IMPORT_KEY is set.`,
      `Line ${lineOf(2)}: access_token: is written as Python prints bytes: leave out b and the quotation marks.`,
      `Line ${lineOf(3)}: access_token: is a Fernet token that CREDENTIALS_IMPORT_KEY does not open.`,
      `Line ${lineOf(4)}: user_email: there is no account with this address; see --create-users.`,
      `Line ${lineOf(5)}: has a field that is no column.`,
      `Line ${lineOf(5)}: user_email: is not an e-mail address.`,
      expect.stringContaining(`Line ${lineOf(5)}: name: must`),
      `Line ${lineOf(6) + 1}: client_key: is the word for null: leave the field empty.`,
      'Done: 1 connections imported, 0 accounts created, 0 lines already there, 6 lines failed.',
      '',
    ]);
    const list = (await own.get('/v1/platforms')).json<{ id: number }[]>();
    expect(list).toMatchObject([
      { name: 'Caf\u00e9', isDefault: true, instanceUrl: 'https://pixelfed.example' },
    ]);
    expect((await reveal(person, list[0]?.id ?? 0)).json()).toMatchObject({ accessToken });

    const plain = JSON.stringify({ ...row, access_token: secret('token') });
    const others = await fileOf('others.json', `${JSON.stringify(row)}\n${plain}\n`);
    expect((await run(['credentials:import', others])).stdout.split('\n').slice(0, 2)).toEqual([
      'Line 1: access_token: is a Fernet token: give its key in CREDENTIALS_IMPORT_KEY.',
      'Line 2: access_token: the account is already connected, with other credentials, which were kept.',
    ]);
    const quoted = await run(['credentials:import', others], { CREDENTIALS_IMPORT_KEY: `b'${key}'` });
    expect(quoted).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('without b and quotation marks'),
    });
  });
});

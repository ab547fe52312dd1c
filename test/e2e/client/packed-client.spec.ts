import { type ChildProcess, execFile, spawn } from 'node:child_process';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Backends } from '../../support/backends.js';
import { waitUntil } from '../../support/barrier.js';
import { Visitor, launchBrowser } from '../../support/browser/browser.js';
import { expectCleanRecord } from '../../support/clean-record.js';
import { type Person, createPlatform, register } from '../../support/factories.js';
import { type FakeInstance, startFakeInstance } from '../../support/fake-instance/fake-instance.js';
import { HttpClient } from '../../support/http-client.js';
import { CAN_FETCH, nodeRelease } from '../../support/node-release.mjs';
import { ClientProject } from '../../support/packed-client/client-project.js';
import { type ApiProcess, startApi } from '../../support/servers/api-process.js';
import { findOnPath, install } from '../../support/servers/debian-packages.js';
import { freePorts } from '../../support/servers/free-port.js';
import { serveFiles } from '../../support/static-files.js';

const run = promisify(execFile);

interface Report {
  readonly step: string;
  readonly what: unknown;
}

/** A journey (test/support/packed-client), wherever it runs. */
interface Traveller {
  readonly person: Person;
  reports(): Promise<readonly Report[]>;
  finish(): Promise<void>;
}

const RELEASES = CAN_FETCH ? ['20', '24'] : [process.versions.node];

let backends: Backends;
let project: ClientProject;
let instance: FakeInstance;
let api: ApiProcess;
let client: HttpClient;
let pages: Server;
let origin: string;
let hostApp: string;
const children: ChildProcess[] = [];
const nodes = new Map<string, string>();

beforeAll(async () => {
  // First: fetching one stops this process for as long as it takes, and a request under way would time out.
  for (const release of RELEASES)
    nodes.set(release, CAN_FETCH ? join(nodeRelease(release), 'node') : process.execPath);
  const [apiPort = 0, pagesPort = 0, hostPort = 0] = await freePorts(3);
  const apiUrl = `http://127.0.0.1:${apiPort}`;
  origin = `http://127.0.0.1:${pagesPort}`;
  hostApp = `http://127.0.0.1:${hostPort}`;
  [backends, project, instance] = await Promise.all([
    Backends.create(),
    ClientProject.create(),
    startFakeInstance('mastodon'),
  ]);
  const env = {
    CORS_ORIGINS: `${origin},${hostApp}`,
    PUBLIC_URL: apiUrl,
    INSTANCE_HOST_ALLOWLIST: instance.host,
  };
  api = await startApi({ env: { ...backends.env(), ...env, PORT: String(apiPort) } });
  backends.logs.push(() => api.output);
  client = new HttpClient(api.baseUrl, backends.exchanges, backends.secrets);
  await project.bundle('journey');
  await project.bundle('react', { VITE_API_URL: apiUrl });
  pages = await serveFiles(join(project.folder, 'bundles'), pagesPort);
}, 300_000);

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  pages.close();
  await expectCleanRecord({ backends, client });
  await api.stop();
  await instance.close();
  await Promise.all([backends.remove(), project.remove()]);
}, 120_000);

async function newPerson(): Promise<Person> {
  const person = await register(client, backends.secrets);
  const goodToken = instance.addToken(backends.secrets.make('good-token'));
  await createPlatform(person, backends.secrets, {
    name: 'Mine',
    instanceUrl: instance.origin,
    accessToken: goodToken,
  });
  return person;
}

async function onNode(release: string): Promise<Traveller> {
  const person = await newPerson();
  const child = spawn(
    nodes.get(release) ?? '',
    ['journey/node.mjs', api.baseUrl, person.email, person.password],
    {
      cwd: project.folder,
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  const reports: Report[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => reports.push(JSON.parse(line) as Report));
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    person,
    reports: async () => reports,
    finish: async () => {
      child.stdin.write('finish\n');
      expect(await exited).toBe(0);
    },
  };
}

async function inBrowser({ page }: Visitor): Promise<Traveller> {
  const person = await newPerson();
  await page.goto(`${origin}/journey/`);
  const { email, password } = person;
  await page.evaluate(`start(${JSON.stringify({ baseUrl: api.baseUrl, email, password })})`);
  return {
    person,
    reports: () => page.evaluate<Report[]>('reports'),
    finish: () => page.evaluate('finish()'),
  };
}

async function key({ client: own }: Person, ...scopes: string[]): Promise<string> {
  const made = await own.post('/v1/api-keys', { name: scopes.join(), scopes });
  return made.json<{ key: string }>().key;
}

describe('the packed client, installed in a project of its own', () => {
  it('has types that a program in strict mode agrees with', () => project.check('journey/journey.mjs'));

  it('signs in, lists, asks what has changed, renews once for 50 callers, creates, and loses no event of a killed process, in Node and in a browser', async () => {
    const browser = await launchBrowser();
    const visitor = await Visitor.open(browser);
    const travellers = await Promise.all([...RELEASES.map(onNode), inBrowser(visitor)]);
    const heard = (traveller: Traveller, transport: string, type: string, name: string | null) =>
      waitUntil(
        async () =>
          (await traveller.reports()).some(
            ({ step, what }) => step === 'heard' && String(what) === String([transport, type, name]),
          ),
        { timeoutMs: 60_000, what: `${transport} to hear ${type} ${name}` },
      );
    const allHear = (type: string, name: string | null) =>
      Promise.all(
        travellers.flatMap((traveller) => [
          heard(traveller, 'sse', type, name),
          heard(traveller, 'socket.io', type, name),
        ]),
      );
    await allHear('ready', null);
    await api.kill();
    await allHear('interrupted', null);
    const ids = travellers.map(({ person }) => person.id);
    await backends.rows(
      `UPDATE platform_connections SET name = 'Missed' WHERE name = 'Mine' AND user_id = ANY($1)`,
      [ids],
    );
    await api.start();
    await allHear('platform', 'Missed');
    await Promise.all(travellers.map((traveller) => traveller.finish()));

    for (const traveller of travellers) {
      const { email } = traveller.person;
      const reports = await traveller.reports();
      const what = new Map(reports.map((report) => [report.step, report.what]));
      expect([...what.keys()]).not.toContain('ended');
      expect(Object.fromEntries(what)).toMatchObject({
        listed: [email, ['Mine'], ['Mine'], 1],
        refused: [404, 'platform_not_found'],
        renewed: [50, 1],
        created: [true, 1],
        'signed out': null,
      });
      // Once by each transport.
      const missed = reports
        .map(({ what: heard }) => String(heard))
        .filter((text) => text.endsWith(',Missed'));
      expect(missed.sort()).toEqual(['socket.io,platform,Missed', 'sse,platform,Missed']);
    }
    const versions = await Promise.all(travellers.slice(0, -1).map((traveller) => traveller.reports()));
    expect(versions.map((reports) => reports[0]?.what)).toEqual(
      RELEASES.map((release) => `v${parseInt(release)}`),
    );
    // The browser's own line about a server that is away.
    const isOfBrowser = (text: string) => text.startsWith('WebSocket connection to');
    expect(visitor.complaints.filter((text) => !isOfBrowser(text))).toEqual([]);
    await browser.close();
  }, 240_000);
});

describe('the examples', () => {
  it('React: a page signs in, and shows a change as it happens', async () => {
    const person = await newPerson();
    const browser = await launchBrowser();
    const visitor = await Visitor.open(browser);
    await visitor.page.goto(`${origin}/react/`);
    await visitor.fill({ 'E-mail address': person.email, Password: 'not the password' });
    await visitor.press('Sign in');
    await visitor.see('The e-mail address or the password is wrong.');
    await visitor.fill({ 'E-mail address': person.email, Password: person.password });
    await visitor.press('Sign in');
    await visitor.see('Mine: unchecked');
    await backends.rows(`UPDATE platform_connections SET name = 'Renamed' WHERE user_id = $1`, [person.id]);
    await visitor.see('Renamed: unchecked');
    expect(visitor.complaints).toEqual([]);
    await browser.close();
  }, 120_000);

  it('the worker posts with the revealed token, and the Python script counts the post', async () => {
    const person = await newPerson();
    const [platform] = (await person.client.get('/v1/platforms')).json<{ id: number }[]>();
    const status = Buffer.from('{"id":"42"}');
    instance.files.set('/api/v1/statuses', { type: 'application/json', bytes: status });
    const env = {
      ...process.env,
      API_URL: api.baseUrl,
      PLATFORM_ID: String(platform?.id),
      TEXT: 'Good morning',
    };
    const API_KEY = await key(person, 'credentials:read', 'activities:write');
    const posted = await run(process.execPath, ['worker.mjs'], {
      cwd: project.folder,
      env: { ...env, API_KEY },
    });
    expect(posted.stdout).toBe('Posted 42\n');
    const [request] = instance.asked('/api/v1/statuses');
    expect(instance.tokenStates.get(request?.authorization?.replace('Bearer ', '') ?? '')).toBe('good');

    if (findOnPath('python3') === undefined) await install(['python3']);
    const report = (apiKey: string) =>
      run('python3', ['report.py'], { cwd: project.folder, env: { ...env, API_KEY: apiKey } });
    const printed = await report(await key(person, 'platforms:read'));
    expect(printed.stdout).toBe('Mine: unchecked, 1 posts\n');
    await expect(report(API_KEY)).rejects.toMatchObject({ stderr: expect.stringMatching(/^forbidden: /) });
  }, 120_000);

  it("a host application: its user comes back with an account connected, and sees the application's name on the way", async () => {
    const person = await register(client, backends.secrets);
    const API_KEY = await key(person, 'platforms:read', 'platforms:write');
    const env = { ...process.env, API_URL: api.baseUrl, API_KEY, APP_URL: hostApp };
    children.push(spawn(process.execPath, ['connect.mjs'], { cwd: project.folder, env, stdio: 'inherit' }));
    const isUp = () =>
      fetch(hostApp).then(
        ({ ok }) => ok,
        () => false,
      );
    await waitUntil(isUp, { timeoutMs: 30_000, what: 'the host application' });
    const browser = await launchBrowser();
    const visitor = await Visitor.open(browser);
    const { page } = visitor;
    await page.goto(`${hostApp}/connect`);
    await visitor.see(`“Alt Text Helper” (${new URL(hostApp).host})`);
    expect(page.url()).not.toContain('#');
    await visitor.fill({ 'Instance or account': instance.origin });
    await visitor.press('Continue');
    await page.waitForURL(/\/accounts\?connect=connected&platformId=\d+$/);
    await visitor.see(/^@alice.*: connected$/);
    const [platform] = (await person.client.get('/v1/platforms')).json<{ labels: unknown }[]>();
    expect(platform?.labels).toEqual({ 'external-user': 'customer-1207' });
    await browser.close();
  }, 120_000);
});

import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { Visitor } from '../support/browser/browser.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { card, choose, focused } from '../support/browser/on-page.js';
import { type Session, unique } from '../support/factories.js';
import { MailServer } from '../support/mail-server.js';

const PASSWORD = 'correct horse battery staple';

describe('the console, its session and its connection to the server', () => {
  let mails: MailServer;
  let site: ConsoleSite;

  beforeAll(async () => {
    mails = await MailServer.start();
    site = await ConsoleSite.start(mails.env());
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(async () => {
    await site.close();
    await mails.close();
  }, 120_000);

  it('registers, says what is wrong at the field where it is wrong, and starts empty', async () => {
    const visitor = await site.visit();
    await visitor.press('Create an account');
    await visitor.fill({ 'E-mail address': `${unique()}@example.org`, Password: 'short' });
    await visitor.press('Create account');
    const password = visitor.page.getByLabel('Password', { exact: true });
    await visitor.see('Password must have 12 to 128 characters');
    expect(await password.getAttribute('aria-invalid')).toBe('true');
    expect(await password.inputValue()).toBe('');
    await visitor.fill({ Password: PASSWORD });
    await visitor.press('Create account');
    await visitor.see('No platforms connected yet.');
    expect(await focused(visitor)).toBe('Platforms');
    expect(await visitor.page.title()).toBe('Platforms · Platform Manager');
  });

  it('stays signed in over a reload and in another tab; logging out ends it in all of them', async () => {
    const person = await site.person();
    const visitor = await site.visit();
    await visitor.fill({ 'E-mail address': person.email, Password: 'the wrong password' });
    await visitor.press('Log in');
    await visitor.see('The e-mail address or the password is wrong.');
    await visitor.fill({ Password: person.password });
    await visitor.press('Log in');
    await visitor.see('No platforms connected yet.');
    const cookies = await visitor.context.cookies();
    expect(cookies).toMatchObject([{ httpOnly: true, secure: true, sameSite: 'Strict', path: '/' }]);
    // The second reload comes before the first has its answer.
    const asked = visitor.page.waitForRequest(/auth\/refresh$/);
    await visitor.page.reload({ waitUntil: 'commit' });
    await asked;
    await visitor.page.reload();
    await visitor.see('No platforms connected yet.');
    const other = await visitor.tab(site.url);
    await other.see('No platforms connected yet.');
    await visitor.press('Log out');
    await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor();
    const isGone = async (): Promise<boolean> => (await visitor.context.cookies()).length === 0;
    await waitUntil(isGone, { timeoutMs: 10_000, what: 'the cookie to be gone' });
    await other.page.reload();
    await other.page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('has an address for each page: reload, back, another tab, one that does not exist', async () => {
    const visitor = await site.logIn(await site.person());
    const { page } = visitor;
    const title = (name: string): Promise<void> => page.getByRole('heading', { level: 1, name }).waitFor();
    expect(page.url()).toBe(`${site.url}platforms`);
    await page.getByRole('link', { name: 'Stats' }).click();
    await title('Stats');
    expect(page.url()).toBe(`${site.url}stats`);
    await page.reload();
    await title('Stats');
    await page.goBack();
    await title('Platforms');
    await page.goForward();
    await title('Stats');
    await page.goto(`${site.url}no/such/page`);
    await title('Page not found');
    await page.getByRole('link', { name: 'Go to your platforms' }).click();
    await title('Platforms');
    await page.goto(`${site.url}#/stats`);
    await title('Stats');
    await page.goto(site.api.baseUrl);
    await title('Platforms');
  });

  it('says how long it stays signed in where the browser keeps no secure cookie', async () => {
    const visitor = await Visitor.open(site.browser);
    site.visitors.push(visitor);
    await visitor.page.addInitScript(
      `Object.defineProperty(document, 'cookie', { get: () => '', set: () => {} })`,
    );
    await visitor.page.goto(site.url);
    await visitor.see(/until you close or reload this page/);
    const person = await site.person();
    await visitor.logIn(person);
    expect(await visitor.context.cookies()).toEqual([]);
    await visitor.page.reload();
    await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('waits for a server that cannot tell whether somebody is signed in, and asks nobody to log in', async () => {
    const visitor = await site.logIn(await site.person());
    await visitor.page.route('**/v1/auth/refresh', (route) => route.fulfill({ status: 503, json: {} }));
    await visitor.page.reload();
    await visitor.see(/^Cannot tell yet whether you are logged in\./);
    expect(await visitor.page.getByRole('heading', { name: 'Log in' }).count()).toBe(0);
    await visitor.page.unroute('**/v1/auth/refresh');
    await visitor.see('No platforms connected yet.');
  });

  it('tells of a change made elsewhere, and shows it', async () => {
    const person = await site.person();
    const { id } = await site.connected(person);
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('article').waitFor();
    await person.client.patch(`/v1/platforms/${id}`, { name: 'Renamed elsewhere' });
    await visitor.see('“Renamed elsewhere” was changed elsewhere.');
    await card(visitor, 'Renamed elsewhere').waitFor();
    await person.client.delete(`/v1/platforms/${id}`);
    await visitor.see('“Renamed elsewhere” was deleted elsewhere.');
    await visitor.see('No platforms connected yet.');
  }, 120_000);

  it('loses the network, says so, and catches up when it is back', async () => {
    const person = await site.person();
    const { id, name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).waitFor();
    await visitor.context.setOffline(true);
    await visitor.see(/^You are offline\./);
    expect(await visitor.axe()).toEqual([]);
    await choose(visitor, name, 'Test');
    await visitor.see(/The server does not answer, so a change may not have been saved/);
    await person.client.patch(`/v1/platforms/${id}`, { name: 'Changed meanwhile' });
    await visitor.context.setOffline(false);
    await card(visitor, 'Changed meanwhile').waitFor();
    await visitor.page.getByText(/^You are offline\./).waitFor({ state: 'detached' });
    // What told of the outage ends with it.
    await visitor.page
      .getByText(/The server does not answer, so a change may not/)
      .first()
      .waitFor({ state: 'detached' });
  });

  it('keeps labels that were typed while the network was lost, and finds the connection by them', async () => {
    const person = await site.person();
    const { id, name } = await site.connected(person, { labels: { env: 'live' } });
    await site.connected(person, { name: 'Without labels' });
    const visitor = await site.logIn(person);
    const { page } = visitor;
    await visitor.see('env: live');
    await choose(visitor, name, 'Edit');
    await visitor.fill({
      'Labels (optional)': 'customer: acme\nNot A Key: x',
      'Your own ID for it (optional)': 'order-7',
    });
    await visitor.context.setOffline(true);
    await visitor.see(/^You are offline\./);
    await visitor.press('Save');
    await visitor.see(/The server does not answer/);
    await visitor.context.setOffline(false);
    await page.getByText(/^You are offline\./).waitFor({ state: 'detached' });
    await visitor.press('Save');
    await visitor.see(/Labels must have keys of labels/);
    await visitor.fill({ 'Labels (optional)': 'customer: acme' });
    await visitor.press('Save');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect((await person.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({
      ...{ labels: { customer: 'acme' }, externalId: 'order-7' },
    });
    await page.getByLabel('Search').fill('customer: acme');
    await visitor.see('1 of 2 platforms');
    await page.getByRole('link', { name, exact: true }).click();
    await visitor.see('Your ID: order-7');
    await visitor.see('customer: acme');
    expect(await visitor.axe()).toEqual([]);
  });

  it('comes back to the stream of events from where it was, with its token', async () => {
    const person = await site.person();
    const visitor = await site.visit();
    const asked: Record<string, string>[] = [];
    await visitor.page.route('**/v1/events', (route) => {
      asked.push(route.request().headers());
      const body = `retry: 20\n\nid: ${100 + asked.length}\nevent: ready\ndata: {}\n\n`;
      return route.fulfill({ contentType: 'text/event-stream', body });
    });
    await visitor.logIn(person);
    await waitUntil(() => asked.length > 2, { timeoutMs: 30_000, what: 'it to come back twice' });
    expect(asked.map((headers) => headers['last-event-id'])).toEqual(
      expect.arrayContaining([undefined, '101', '102']),
    );
    expect(asked.every(({ authorization = '' }) => authorization.startsWith('Bearer ey'))).toBe(true);
  });

  it('needs no connection while it is hidden, so that many tabs work, and catches up when it is shown', async () => {
    const person = await site.person();
    const { id, name: atFirst } = await site.connected(person);
    const first = await site.logIn(person);
    await card(first, atFirst).waitFor();
    // Once the tab has heard of a change, it knows where in the stream it is.
    const name = 'Heard of';
    await person.client.patch(`/v1/platforms/${id}`, { name });
    await card(first, name).waitFor();
    const resumed: (string | undefined)[] = [];
    first.page.on('request', (request) => {
      if (request.url().endsWith('/v1/events')) resumed.push(request.headers()['last-event-id']);
    });
    let last = first;
    // A browser has six connections to a host.
    for (let tab = 2; tab <= 8; tab++) {
      await card(last, name).waitFor();
      await last.setHidden(true);
      last = await first.tab(site.url);
    }
    await card(last, name).waitFor();
    const listening = async (): Promise<boolean> =>
      (await person.client.get('/metrics')).text.includes('events_clients{transport="sse"} 1\n');
    await waitUntil(listening, { timeoutMs: 15_000, what: 'one tab alone to listen', intervalMs: 100 });
    await person.client.patch(`/v1/platforms/${id}`, { name: 'Renamed meanwhile' });
    await card(last, 'Renamed meanwhile').waitFor();
    expect(await card(first, name).count()).toBe(1);
    resumed.length = 0;
    await first.setHidden(false);
    await card(first, 'Renamed meanwhile').waitFor();
    expect(resumed).toEqual([expect.stringMatching(/^\d+$/)]);
  }, 90_000);

  it('asks every now and then where there is no stream of events', async () => {
    const visitor = await site.visit();
    await visitor.page.route('**/v1/events', (route) => route.fulfill({ status: 404, json: {} }));
    await visitor.logIn(await site.person());
    await visitor.see('Every 15 s');
  });

  it('says that the server is away, and goes on live when it is back', async () => {
    const person = await site.person();
    const { id, name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).waitFor();
    await visitor.see('Live');
    await site.api.kill();
    await visitor.see(/^The server does not answer\./);
    await site.backends.rows(`UPDATE platform_connections SET name = 'Changed meanwhile' WHERE id = $1`, [
      id,
    ]);
    await site.api.start();
    await card(visitor, 'Changed meanwhile').waitFor();
    await visitor.see('Live');
    await visitor.page.getByText(/^The server does not answer\./).waitFor({ state: 'detached' });
  }, 120_000);

  it('renews its session by itself, once for all that needs it', async () => {
    const person = await site.person();
    await site.connected(person);
    const visitor = await site.visit();
    await visitor.see('E-mail address');
    let refreshes = 0;
    visitor.page.on('request', (request) => (refreshes += Number(request.url().endsWith('/refresh'))));
    // As a token that is about to expire.
    await visitor.page.route('**/v1/auth/login', async (route) => {
      // A browser's own header, which a request that is made here would lack.
      const headers = { ...(await route.request().allHeaders()), 'sec-fetch-site': 'same-origin' };
      const answer = await route.fetch({ headers });
      const session = (await answer.json()) as Record<string, unknown>;
      await route.fulfill({ response: answer, json: { ...session, expiresIn: 0 } });
    });
    await visitor.logIn(person);
    await visitor.page.getByRole('article').waitFor();
    expect(refreshes).toBe(1);
  });

  it('asks to log in again when the session was ended elsewhere', async () => {
    const person = await site.person();
    const { name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).waitFor();
    await site.backends.rows('DELETE FROM refresh_tokens WHERE user_id = $1', [person.id]);
    await visitor.page.route('**/v1/platforms/*/test', (route) => route.fulfill({ status: 401, json: {} }));
    await choose(visitor, name, 'Test');
    await visitor.see('Your session has expired. Log in again.');
  });

  it('makes an API key, shows it once, and revokes it', async () => {
    const person = await site.person();
    const { name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('link', { name: 'API keys' }).click();
    await visitor.press('Make an API key');
    await visitor.press('Make key');
    await visitor.see('Name is required');
    await visitor.fill({ Name: 'Worker' });
    await visitor.page.getByLabel('See connections and statistics').check();
    await visitor.page.getByText('Limit it further').click();
    await visitor.page.getByLabel(name).check();
    await visitor.fill({
      ...{ 'Only from these addresses': '127.0.0.1, ::1', 'Only these paths at servers': 'not a path' },
      'Requests to servers a minute, at most': '30',
    });
    await visitor.page.getByLabel('Post and upload (POST)').check();
    await visitor.page.getByLabel('Valid for').selectOption('Until a day that I choose');
    await visitor.fill({ 'Last day': '2020-01-31' });
    await visitor.press('Make key');
    await visitor.see(/must be paths such as/);
    await visitor.fill({ 'Only these paths at servers': '/api/v1/statuses, /api/v2/**' });
    await visitor.press('Make key');
    await visitor.see(/must be in the future/);
    await visitor.fill({ 'Last day': new Date(Date.now() + 5 * 86_400_000).toISOString().slice(0, 10) });
    await visitor.press('Make key');
    await visitor.see('This is the only time that it is shown.');
    const key = await visitor.page.getByLabel('API key', { exact: true }).inputValue();
    site.backends.secrets.add(key);
    const worker = person.client.as({ accessToken: key });
    expect((await worker.get('/v1/platforms')).json()).toMatchObject([{ name }]);
    await visitor.press('Done');
    await visitor.see(
      `Only for ${name} · Only from 127.0.0.1, ::1 · At servers: Post and upload (POST) · ` +
        'Only /api/v1/statuses, /api/v2/** · At most 30 requests a minute',
    );
    expect(await focused(visitor)).toBe('Make an API key');
    await visitor.press('Revoke Worker');
    await visitor.press(/^Revoke$/);
    await visitor.see('No API keys yet.');
    expect((await worker.get('/v1/platforms')).status).toBe(401);
  });

  it('confirms the address, and sets a new password for somebody who forgot theirs', async () => {
    const { email } = await site.person();
    const visitor = await site.visit();
    const { page } = visitor;
    await page.goto(`${site.url}verify-email#${await mails.token('verify-email', email)}`);
    await visitor.press('Confirm');
    await visitor.see('Your address is confirmed.');
    await page.getByRole('link', { name: 'Log in' }).click();
    await page.getByRole('link', { name: 'Forgot your password?' }).click();
    await visitor.fill({ 'E-mail address': email });
    await visitor.press('Send a link');
    await visitor.see(/a link is on its way/);
    await page.goto(`${site.url}reset-password#${await mails.token('reset-password', email)}`);
    await visitor.fill({ 'New password': 'too short' });
    await visitor.press('Set password');
    await visitor.see(/New password must have 12/);
    await visitor.fill({ 'New password': PASSWORD });
    await visitor.press('Set password');
    await visitor.see(/Your new password is set/);
    await visitor.fill({ 'E-mail address': email, Password: PASSWORD });
    await visitor.press('Log in');
    await visitor.see('No platforms connected yet.');
  });

  it('takes the data along, deletes the account, and keeps it after all', async () => {
    const person = await site.person();
    await site.connected(person, { name: 'To keep' });
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('link', { name: 'Account' }).click();
    const download = visitor.page.waitForEvent('download');
    await visitor.press(/^Download$/);
    const exported = JSON.parse(await readFile(await (await download).path(), 'utf8')) as object;
    expect(exported).toMatchObject({
      account: [{ email: person.email }],
      connections: [{ name: 'To keep' }],
    });

    await visitor.press('Delete account');
    const dialog = visitor.page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete account' }).click();
    await visitor.see('The current password is wrong.');
    await visitor.fill({ 'Your password': person.password });
    await dialog.getByRole('button', { name: 'Delete account' }).click();
    await visitor.see(/Your account will be deleted on/);
    await visitor.fill({ 'E-mail address': person.email, Password: person.password });
    await visitor.press('Log in');
    await visitor.page.getByRole('link', { name: 'Platforms' }).click();
    await visitor.see('To keep');
  });

  it('changes the password and ends other sessions, and the log says what was done', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('link', { name: 'Account' }).click();
    await visitor.see('This device');
    await visitor.press(/^End node$/);
    await visitor.press('End session');
    await visitor.see('The session has ended.');
    expect((await person.client.get('/v1/me')).status).toBe(401);
    const { email, password } = person;
    const other = (await person.client.post('/v1/auth/login', { email, password })).json<Session>();
    await visitor.fill({ 'Current password': 'the wrong password', 'New password': PASSWORD });
    await visitor.press('Change password');
    await visitor.see('The current password is wrong.');
    await visitor.fill({ 'Current password': password, 'New password': PASSWORD });
    await visitor.press('Change password');
    await visitor.see('Your password is changed. All other sessions have ended.');
    expect((await person.client.as(other).get('/v1/me')).status).toBe(401);
    await visitor.page.getByRole('link', { name: 'Activity log' }).click();
    const rows = visitor.page.getByRole('listitem');
    await rows
      .filter({ hasText: 'Password changed' })
      .filter({ hasText: 'By you from 127.0.0.1' })
      .first()
      .waitFor();
    await visitor.page.getByLabel('Show').selectOption('Logged in');
    await rows.filter({ hasText: 'Password changed' }).first().waitFor({ state: 'detached' });
    await rows.filter({ hasText: 'Logged in' }).first().waitFor();
    await visitor.page.getByLabel('Show').selectOption('Encryption key rotated');
    await visitor.see('Nothing of this kind has happened yet.');
  });
});

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type { Locator } from 'playwright-core';
import { waitUntil } from '../support/barrier.js';
import type { Visitor } from '../support/browser/browser.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { type Person, type PlatformJson, createPlatform, unique } from '../support/factories.js';
import { PICTURES } from '../support/fake-instance/pictures.js';

const PASSWORD = 'correct horse battery staple';
/** The console's own: usePolled. */
const STATS_POLL_MS = 15_000;

describe('the console, as a person uses it', () => {
  let site: ConsoleSite;
  const tokens = { good: '', other: '' };

  beforeAll(async () => {
    site = await ConsoleSite.start();
    tokens.good = site.instance.addToken(site.backends.secrets.make('good-token'));
    tokens.other = site.instance.addToken(site.backends.secrets.make('other-token'), 'invalid');
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(() => site.close(), 120_000);

  const card = ({ page }: Visitor, name: string): Locator => page.getByRole('article', { name, exact: true });
  const dialog = ({ page }: Visitor): Locator => page.getByRole('dialog');
  const focused = (visitor: Visitor): Promise<string> =>
    visitor.page.evaluate<string>('document.activeElement.textContent.trim()');

  /** Alice's connection, tested; its token is good. */
  function connected(person: Person, own: Record<string, unknown> = {}): Promise<PlatformJson> {
    const { origin } = site.instance;
    return createPlatform(person, site.backends.secrets, {
      name: `At home ${unique()}`,
      instanceUrl: origin,
      username: `someone-${unique()}`,
      accessToken: tokens.good,
      ...own,
    });
  }

  it('registers, says what is wrong at the field where it is wrong, and starts empty', async () => {
    const visitor = await site.visit();
    await visitor.press('Create an account');
    await visitor.fill({ 'E-mail address': `${unique()}@example.org`, Password: 'short' });
    await visitor.press('Create account');
    const password = visitor.page.getByLabel('Password', { exact: true });
    await visitor.see(/must have 12 to 128 characters/);
    expect(await password.getAttribute('aria-invalid')).toBe('true');
    expect(await password.inputValue()).toBe('');
    await visitor.fill({ Password: PASSWORD });
    await visitor.press('Create account');
    await visitor.see('No platforms connected yet.');
    expect(await focused(visitor)).toBe('Platforms');
    expect(await visitor.page.title()).toBe('Platforms · Platform Manager');
  });

  it('asks to log in again after a reload, for no token is kept, and after logging out', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    await visitor.page.reload();
    await visitor.see('Log in');
    await visitor.fill({ 'E-mail address': person.email, Password: 'the wrong password' });
    await visitor.press('Log in');
    await visitor.see('The e-mail address or the password is wrong.');
    await visitor.fill({ Password: person.password });
    await visitor.press('Log in');
    await visitor.see('No platforms connected yet.');
    await visitor.press('Log out');
    await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('adds by token and shows it connected; the token is forgotten by the page', async () => {
    const visitor = await site.logIn(await site.person());
    await visitor.press('Add a platform');
    await dialog(visitor).getByLabel('With an access token').check();
    await visitor.press('Add and test');
    await visitor.see('name must have 1 to 100 characters');
    await visitor.fill({ Name: 'My Mastodon', Instance: site.instance.origin, 'Access token': tokens.good });
    await visitor.press('Add and test');
    await card(visitor, 'My Mastodon').getByText('Connected').waitFor();
    await card(visitor, 'My Mastodon').getByText('Default').waitFor();
    expect(await dialog(visitor).count()).toBe(0);
    expect(await focused(visitor)).toBe('Add a platform');
  });

  it('tests, and shows what the instance has found', async () => {
    const person = await site.person();
    const { name } = await connected(person);
    const refused = await connected(person, { accessToken: tokens.other });
    const visitor = await site.logIn(person);
    await card(visitor, name).getByText('Not tested yet').waitFor();
    await card(visitor, refused.name).getByRole('button', { name: 'Test' }).click();
    await card(visitor, refused.name).getByText('Token not accepted').waitFor();
    await card(visitor, refused.name).getByText('does not accept the access token').waitFor();
  });

  it('shows the picture that the API has fetched, and initials where there is none', async () => {
    const person = await site.person();
    const { name } = await connected(person, { name: 'Seen Often', username: 'alice' });
    const path = '/avatars/alice.png';
    const visitor = await site.logIn(person);
    const avatar = card(visitor, name).locator('.avatar');
    expect(await avatar.textContent()).toBe('SO');

    // Found by a test, but not to be had.
    const test = (): Promise<void> => card(visitor, name).getByRole('button', { name: 'Test' }).click();
    await test();
    await waitUntil(() => site.instance.asked(path).length === 1, {
      timeoutMs: 20_000,
      what: 'the picture to be asked for',
    });
    await card(visitor, name).getByText('Connected').waitFor();
    expect(await avatar.textContent()).toBe('SO');

    site.instance.files.set(path, { type: 'image/png', bytes: PICTURES['image/png'] });
    await visitor.page.reload();
    await visitor.logIn(person);
    await avatar.locator('img').waitFor();
    expect(await avatar.locator('img').getAttribute('src')).toMatch(/^blob:/);
    expect(await visitor.page.evaluate('document.querySelector(".avatar img").naturalWidth')).toBe(1);
    expect(await visitor.axe()).toEqual([]);

    site.instance.files.clear();
    await card(visitor, name).getByRole('button', { name: 'Edit' }).click();
    await visitor.fill({ 'New access token': tokens.good });
    await visitor.press('Save');
    await avatar.getByText('SO').waitFor();
  }, 60_000);

  it('switches the default, disables and enables', async () => {
    const person = await site.person();
    const first = await connected(person);
    const second = await connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, second.name).getByRole('button', { name: 'Make default' }).click();
    await card(visitor, second.name).getByText('Default', { exact: true }).waitFor();
    expect(await card(visitor, first.name).getByText('Default', { exact: true }).count()).toBe(0);
    await card(visitor, second.name).getByRole('button', { name: 'Disable' }).click();
    await card(visitor, second.name).getByText('Disabled', { exact: true }).waitFor();
    await card(visitor, first.name).getByText('Default', { exact: true }).waitFor();
    await card(visitor, second.name).getByRole('button', { name: 'Enable' }).click();
    await card(visitor, second.name).getByRole('button', { name: 'Disable' }).waitFor();
  });

  it('draws what was done day by day, and goes on as more is reported', async () => {
    const person = await site.person();
    const { id } = await connected(person);
    const report = (kind: string, externalId: string) =>
      person.client.post(`/v1/platforms/${id}/activities`, [
        { kind, externalId, status: 'published', occurredAt: new Date().toISOString() },
      ]);
    const visitor = await site.logIn(person);
    const { clock } = visitor.page;
    await clock.install();
    await visitor.page.getByRole('link', { name: 'Stats' }).click();
    const panel = visitor.page.getByRole('region', { name: 'Activity over time', exact: true });
    const shows = (text: string): Promise<void> => panel.getByText(text).waitFor({ timeout: 60_000 });
    const drawing = (): Promise<string> =>
      visitor.page.evaluate<string>(
        `document.querySelector('[aria-labelledby=activity-over-time] canvas').toDataURL()`,
      );
    await shows('No activity in this period.');

    await report('post', '1');
    await clock.fastForward(STATS_POLL_MS);
    await shows('Last 90 days: Posts 1, Images 0, Runs 0.');
    const before = await drawing();
    await report('post', '1');
    await report('image', '1');
    await report('image', '2');
    await clock.fastForward(STATS_POLL_MS);
    await shows('Last 90 days: Posts 1, Images 2, Runs 0.');
    const moved = async (): Promise<boolean> => (await drawing()) !== before;
    await waitUntil(moved, { timeoutMs: 30_000, what: 'the chart to move' });
    await panel.getByText('Activity per day, as a table').click();
    const today = panel.getByRole('row').nth(1).getByRole('cell');
    expect(await today.allTextContents()).toEqual(['1', '2', '0']);
    await visitor.page.getByRole('row', { name: 'Total 1 2 0' }).waitFor({ timeout: 60_000 });
    await panel.getByLabel('Period').selectOption('30 days');
    await shows('Last 30 days: Posts 1, Images 2, Runs 0.');
  }, 240_000);

  it('tells of a change made elsewhere, and shows it', async () => {
    const person = await site.person();
    const { id } = await connected(person);
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('article').waitFor();
    await person.client.patch(`/v1/platforms/${id}`, { name: 'Renamed elsewhere' });
    await visitor.see('“Renamed elsewhere” was changed elsewhere.');
    await card(visitor, 'Renamed elsewhere').waitFor();
    await person.client.delete(`/v1/platforms/${id}`);
    await visitor.see('“Renamed elsewhere” was deleted elsewhere.');
    await visitor.see('No platforms connected yet.');
  }, 120_000);

  it('does not overwrite what somebody else has saved: it says so, and shows the current values', async () => {
    const person = await site.person();
    const { id, name } = await connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).getByRole('button', { name: 'Edit' }).click();
    await visitor.fill({ Name: 'Mine' });
    // Kept from hearing of it, so that it is the API that notices.
    await visitor.page.route('**/v1/platforms?*', (route) => route.abort());
    await person.client.patch(`/v1/platforms/${id}`, { name: 'Theirs' });
    await visitor.press('Save');
    await visitor.see('Not saved: this connection was changed elsewhere since you opened it.');
    await visitor.page.unroute('**/v1/platforms?*');
    await visitor.see(
      'This connection was changed elsewhere since you opened it, so your changes cannot be saved.',
    );
    await visitor.press('Show current values');
    expect(await visitor.page.getByLabel('Name', { exact: true }).inputValue()).toBe('Theirs');
    await visitor.fill({ Name: 'Agreed' });
    await visitor.press('Save');
    await card(visitor, 'Agreed').waitFor();
  }, 120_000);

  it('still saves a token that was entered when the rest of it was refused at first', async () => {
    const person = await site.person();
    const { id, name } = await connected(person);
    const { name: taken } = await connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).getByRole('button', { name: 'Edit' }).click();
    const accessToken = site.backends.secrets.make('new-token');
    await visitor.fill({ Name: taken, 'New access token': accessToken });
    await visitor.press('Save');
    await visitor.see('Another of your platform connections has this name.');
    await visitor.fill({ Name: 'Free' });
    await visitor.press('Save');
    await visitor.see('“Free” saved.');
    const reveal = await person.client.post(`/v1/platforms/${id}/credentials`, { reason: 'Test' });
    expect(reveal.json()).toMatchObject({ accessToken });
  }, 60_000);

  it('asks for a token of its own when a connection goes to another instance', async () => {
    const person = await site.person();
    const { id, name } = await connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).getByRole('button', { name: 'Edit' }).click();
    await visitor.see('Leave empty to keep the current token');
    await visitor.fill({ Instance: 'https://elsewhere.example' });
    await visitor.see('A token of the new instance. Credentials of the old one are never sent there');
    await visitor.press('Save');
    await visitor.see(/accessToken is required/);
    await visitor.fill({ 'New access token': site.backends.secrets.make('new-token') });
    await visitor.press('Save');
    await visitor.see(`“${name}” saved.`);
    expect((await person.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({
      instanceUrl: 'https://elsewhere.example',
      hasClientCredentials: false,
    });
  }, 60_000);

  it('loses the network, says so, and catches up when it is back', async () => {
    const person = await site.person();
    const { id, name } = await connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).waitFor();
    await visitor.context.setOffline(true);
    await visitor.see(/^You are offline\./);
    expect(await visitor.axe()).toEqual([]);
    await card(visitor, name).getByRole('button', { name: 'Test' }).click();
    await visitor.see(/The server does not answer, so a change may not have been saved/);
    await person.client.patch(`/v1/platforms/${id}`, { name: 'Changed meanwhile' });
    await visitor.context.setOffline(false);
    await card(visitor, 'Changed meanwhile').waitFor();
    await visitor.page.getByText(/^You are offline\./).waitFor({ state: 'detached' });
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
    const { id, name: atFirst } = await connected(person);
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
      await last.logIn(person);
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
    const { id, name } = await connected(person);
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
    await connected(person);
    const visitor = await site.visit();
    let refreshes = 0;
    visitor.page.on('request', (request) => (refreshes += Number(request.url().endsWith('/refresh'))));
    // As a token that is about to expire.
    await visitor.page.route('**/v1/auth/login', async (route) => {
      const answer = await route.fetch();
      const session = (await answer.json()) as Record<string, unknown>;
      await route.fulfill({ response: answer, json: { ...session, expiresIn: 0 } });
    });
    await visitor.logIn(person);
    await visitor.page.getByRole('article').waitFor();
    expect(refreshes).toBe(1);
  });

  it('asks to log in again when the session was ended elsewhere', async () => {
    const person = await site.person();
    const { name } = await connected(person);
    const visitor = await site.logIn(person);
    await card(visitor, name).waitFor();
    await site.backends.rows('DELETE FROM refresh_tokens WHERE user_id = $1', [person.id]);
    await visitor.page.route('**/v1/platforms/*/test', (route) => route.fulfill({ status: 401, json: {} }));
    await card(visitor, name).getByRole('button', { name: 'Test' }).click();
    await visitor.see('Your session has expired. Log in again.');
  });

  it('deletes after asking; Escape and Cancel keep it, and the focus goes back', async () => {
    const person = await site.person();
    const { name } = await connected(person);
    const visitor = await site.logIn(person);
    const ask = card(visitor, name).getByRole('button', { name: 'Delete' });
    await ask.click();
    await visitor.page.keyboard.press('Escape');
    await dialog(visitor).waitFor({ state: 'detached' });
    expect(await focused(visitor)).toContain('Delete');
    await ask.click();
    await dialog(visitor).getByRole('button', { name: 'Cancel' }).click();
    await card(visitor, name).waitFor();
    await ask.click();
    await dialog(visitor).getByRole('button', { name: 'Delete' }).click();
    await visitor.see('No platforms connected yet.');
    await waitUntil(async () => (await focused(visitor)) === 'Platforms', {
      timeoutMs: 30_000,
      what: 'the focus',
    });
  });

  it('connects by OAuth in a tab of its own, and tells the one it came from', async () => {
    const visitor = await site.logIn(await site.person());
    await visitor.press('Add a platform');
    await visitor.fill({ 'Instance or handle': site.instance.origin });
    await visitor.press('Continue');
    const [tab] = await Promise.all([
      visitor.context.waitForEvent('page'),
      visitor.page.getByRole('link', { name: /^Continue at/ }).click(),
    ]);
    await tab.getByRole('heading', { name: 'The account is connected' }).waitFor();
    await visitor.page.bringToFront();
    await visitor.page.getByRole('article').waitFor({ state: 'attached' });
    await dialog(visitor).getByRole('button', { name: 'Close' }).click();
    await visitor.page.getByRole('article').getByText('Connected').waitFor();
  });
});

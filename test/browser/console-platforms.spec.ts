import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { card, choose, dialog, focused } from '../support/browser/on-page.js';
import { PICTURES } from '../support/fake-instance/pictures.js';

/** The console's own: usePolled. */
const STATS_POLL_MS = 15_000;

describe('the console, as a person uses it', () => {
  let site: ConsoleSite;

  beforeAll(async () => {
    site = await ConsoleSite.start();
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(() => site.close(), 120_000);

  it('tests, and shows what the instance has found', async () => {
    const person = await site.person();
    const { name } = await site.connected(person);
    const refused = await site.connected(person, {
      accessToken: site.instance.addToken(site.backends.secrets.make('other-token'), 'invalid'),
    });
    const visitor = await site.logIn(person);
    await card(visitor, name).getByText('Not tested yet').waitFor();
    await choose(visitor, refused.name, 'Test');
    await card(visitor, refused.name).getByText('Token not accepted').waitFor();
    await card(visitor, refused.name).getByText('does not accept the access token').waitFor();
  });

  it('shows the picture that the API has fetched, and initials where there is none', async () => {
    const person = await site.person();
    const { name } = await site.connected(person, { name: 'Seen Often', username: 'alice' });
    const path = '/avatars/alice.png';
    const visitor = await site.logIn(person);
    const avatar = card(visitor, name).locator('.avatar');
    expect(await avatar.textContent()).toBe('SO');

    // Found by a test, but not to be had.
    const test = (): Promise<void> => choose(visitor, name, 'Test');
    await test();
    await waitUntil(() => site.instance.asked(path).length > 0, {
      timeoutMs: 20_000,
      what: 'the picture to be asked for',
    });
    await card(visitor, name).getByText('Connected').waitFor();
    expect(await avatar.textContent()).toBe('SO');

    site.instance.files.set(path, { type: 'image/png', bytes: PICTURES['image/png'] });
    await visitor.page.reload();
    await avatar.locator('img').waitFor();
    expect(await avatar.locator('img').getAttribute('src')).toMatch(/^blob:/);
    expect(await visitor.page.evaluate('document.querySelector(".avatar img").naturalWidth')).toBe(1);
    expect(await visitor.axe()).toEqual([]);

    site.instance.files.clear();
    await choose(visitor, name, 'Edit');
    await visitor.fill({ 'New access token': site.backends.secrets.make('wrong-token') });
    await visitor.press('Save');
    await avatar.getByText('SO').waitFor();
  }, 60_000);

  it('switches the default, disables and enables', async () => {
    const person = await site.person();
    const first = await site.connected(person);
    const second = await site.connected(person);
    const visitor = await site.logIn(person);
    await choose(visitor, second.name, 'Make default');
    await card(visitor, second.name).getByText('Default', { exact: true }).waitFor();
    expect(await card(visitor, first.name).getByText('Default', { exact: true }).count()).toBe(0);
    await choose(visitor, second.name, 'Disable');
    await visitor.see(`“${second.name}” disabled. “${first.name}” is the default now.`);
    await card(visitor, second.name).getByText('Disabled', { exact: true }).waitFor();
    await card(visitor, first.name).getByText('Default', { exact: true }).waitFor();
    await choose(visitor, second.name, 'Enable');
    await card(visitor, second.name).getByText('Disabled', { exact: true }).waitFor({ state: 'detached' });
  });

  it('draws what was done day by day, and goes on as more is reported', async () => {
    const person = await site.person();
    const { id } = await site.connected(person);
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

  it('does not overwrite what somebody else has saved: it says so, and shows the current values', async () => {
    const person = await site.person();
    const { id, name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Edit');
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
    const { id, name } = await site.connected(person);
    const { name: taken } = await site.connected(person);
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Edit');
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
    const { id, name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Edit');
    await visitor.see('Leave empty to keep the current token');
    await visitor.fill({ Instance: 'https://elsewhere.example' });
    await visitor.see('A token of the new instance. Credentials of the old one are never sent there');
    await visitor.press('Save');
    await visitor.see('New access token is required');
    await visitor.fill({ 'New access token': site.backends.secrets.make('new-token') });
    await visitor.press('Save');
    await visitor.see(`“${name}” saved.`);
    expect((await person.client.get(`/v1/platforms/${id}`)).json()).toMatchObject({
      instanceUrl: 'https://elsewhere.example',
      hasClientCredentials: false,
    });
  }, 60_000);

  it('deletes after asking; Escape and Cancel keep it, and the focus goes back', async () => {
    const person = await site.person();
    const { name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Delete');
    await visitor.page.keyboard.press('Escape');
    await dialog(visitor).waitFor({ state: 'detached' });
    expect(await focused(visitor)).toContain('More');
    await choose(visitor, name, 'Delete');
    await dialog(visitor).getByRole('button', { name: 'Cancel' }).click();
    await card(visitor, name).waitFor();
    await card(visitor, name).getByRole('link', { name, exact: true }).click();
    await visitor.page.getByRole('heading', { level: 1, name }).waitFor();
    await visitor.page.reload();
    await visitor.see('Connection added');
    await visitor.press('Delete');
    await dialog(visitor).getByRole('button', { name: 'Delete' }).click();
    await visitor.see('No platforms connected yet.');
    await waitUntil(async () => (await focused(visitor)) === 'Platforms', {
      timeoutMs: 30_000,
      what: 'the focus',
    });
  });
});

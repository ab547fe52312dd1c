import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NARROW, Visitor } from '../support/browser/browser.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { card, choose, dialog, focused } from '../support/browser/on-page.js';
import type { Person } from '../support/factories.js';

describe('the console, as a person connects accounts', () => {
  let site: ConsoleSite;

  beforeAll(async () => {
    site = await ConsoleSite.start();
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(() => site.close(), 120_000);

  /** Where the browser keeps no secure cookie, a session ends with its page. */
  async function withoutCookies(person: Person): Promise<Visitor> {
    const visitor = await Visitor.open(site.browser);
    site.visitors.push(visitor);
    await visitor.context.addInitScript(
      `Object.defineProperty(document, 'cookie', { get: () => '', set: () => {} })`,
    );
    await visitor.page.goto(site.url);
    await visitor.logIn(person);
    return visitor;
  }

  it('adds by token: says all that is missing at once, finds the instance, and fills in the account', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    const { page } = visitor;
    await visitor.press('Add a platform');
    await dialog(visitor).getByLabel('With an access token').check();
    await visitor.press('Add and test');
    await visitor.see('Instance or account is required');
    await visitor.see('Access token is required');
    await visitor.fill({ 'Instance or account': `${site.instance.origin}/@alice` });
    await dialog(visitor)
      .getByText(/Mastodon \S+ at 127\.0\.0\.1/)
      .waitFor();
    expect(await dialog(visitor).getByLabel('What runs there').count()).toBe(0);
    await visitor.fill({ 'Access token': site.goodToken, 'Name (optional)': 'My Mastodon' });
    await page.getByText('More about the account').click();
    await visitor.fill({ 'Labels (optional)': 'Customer: acme', 'Your own ID for it (optional)': 'order-7' });
    await visitor.press('Add and test');
    await visitor.see(/Labels must have keys of labels/);
    await visitor.fill({ 'Labels (optional)': 'customer: acme' });
    await visitor.press('Add and test');
    await card(visitor, 'My Mastodon').getByText('Connected').waitFor();
    await card(visitor, 'My Mastodon').getByText('Default').waitFor();
    await card(visitor, 'My Mastodon').getByText('@alice@').waitFor();
    await card(visitor, 'My Mastodon').getByText('customer: acme').waitFor();
    expect(await dialog(visitor).count()).toBe(0);
    expect(await focused(visitor)).toBe('Add a platform');

    await visitor.press('Add a platform');
    await dialog(visitor).getByLabel('With an access token').check();
    const token = site.instance.addToken(site.backends.secrets.make('another-token'));
    await visitor.fill({ 'Instance or account': site.instance.origin, 'Access token': token });
    await visitor.press('Add and test');
    await visitor.see('This account is connected already, as “My Mastodon”.');
    expect(await visitor.axe()).toEqual([]);
    await visitor.press('Use the new token for “My Mastodon”');
    await visitor.see(/“My Mastodon” has the new token/);
    await page.getByRole('status').getByText('1 platform').waitFor();
    const [only] = (await person.client.get('/v1/platforms')).json<{ id: number }[]>();
    const reveal = await person.client.post(`/v1/platforms/${only?.id}/credentials`, { reason: 'Test' });
    expect(reveal.json()).toMatchObject({ accessToken: token, username: 'alice' });
  }, 60_000);

  it('asks for the type only where it cannot be found out, by keyboard alone', async () => {
    const visitor = await site.logIn(await site.person(), NARROW);
    const { keyboard } = visitor.page;
    await visitor.page.getByRole('button', { name: 'Add a platform' }).focus();
    await keyboard.press('Enter');
    await dialog(visitor).getByLabel('Log in at the instance').focus();
    await keyboard.press('ArrowDown');
    const type = async (label: string, text: string): Promise<void> => {
      await dialog(visitor).getByLabel(label, { exact: true }).focus();
      await keyboard.press('Control+A');
      await keyboard.insertText(text);
    };
    const code = 'instance_unreachable';
    await visitor.page.route('**/v1/instances/lookup', (route) =>
      route.fulfill({ status: 400, json: { code, detail: 'The instance cannot be reached.' } }),
    );
    await type('Instance or account', '@alice@away.example');
    await dialog(visitor).getByLabel('What runs there').waitFor();
    expect(await visitor.axe()).toEqual([]);
    await visitor.page.unroute('**/v1/instances/lookup');
    await type('Instance or account', 'ftp://files.example');
    await visitor.see(/must be|Enter/);
    await dialog(visitor).getByLabel('What runs there').waitFor({ state: 'detached' });
    await type('Access token', site.backends.secrets.make('long-enough'));
    await keyboard.press('Enter');
    await dialog(visitor).locator('[aria-invalid=true]').waitFor();
    await type('Instance or account', site.instance.origin);
    await dialog(visitor)
      .getByText(/Mastodon \S+ at/)
      .waitFor();
    await keyboard.press('Enter');
    await visitor.see(/added, but: Token not accepted/);
    await visitor.page.getByRole('article').getByRole('button', { name: 'Reconnect' }).waitFor();
  }, 60_000);

  it('warns when another type is chosen than what answers, and tests a token that was edited', async () => {
    const person = await site.person();
    const { name } = await site.connected(person, { platformType: 'friendica', username: 'alice' });
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Edit');
    await visitor.press('Use Mastodon');
    expect(await dialog(visitor).getByLabel('Type').inputValue()).toBe('mastodon');
    const token = site.instance.addToken(site.backends.secrets.make('edited-token'));
    await visitor.fill({ 'New access token': token });
    await visitor.press(/^Save$/);
    await visitor.see(`“${name}” saved. Connected.`);
    await card(visitor, name).getByText('Connected', { exact: true }).waitFor();
    await choose(visitor, name, 'Edit');
    await visitor.fill({ 'New access token': site.backends.secrets.make('wrong-token') });
    await visitor.press(/^Save$/);
    await visitor.see(new RegExp(`^“${name}” saved. Token not accepted`));
  }, 60_000);

  it('connects by OAuth in the same tab: no dialog and no other tab is left, and it says who was added', async () => {
    const visitor = await site.logIn(await site.person());
    await begin(visitor, 'customer: acme');
    await visitor.see('@alice was added.');
    await visitor.page.getByRole('article').getByText('Connected').waitFor();
    await visitor.page.getByRole('article').getByText('customer: acme').waitFor();
    expect(visitor.page.url()).toBe(`${site.url}platforms`);
    expect(visitor.context.pages()).toHaveLength(1);
    expect(await dialog(visitor).count()).toBe(0);
    await visitor.press('Dismiss: @alice was added.');
    expect(await visitor.page.getByText(/elsewhere/).count()).toBe(0);

    await begin(visitor);
    await dialog(visitor).getByRole('heading', { name: '@alice is connected already' }).waitFor();
    await visitor.press('Use the new token');
    await visitor.see('@alice has its new token.');
    expect(await visitor.page.getByRole('article').count()).toBe(1);
  }, 60_000);

  it('says why nothing was connected', async () => {
    const visitor = await site.logIn(await site.person());
    site.instance.consent = false;
    try {
      await begin(visitor);
      await visitor.see('The account was not connected. Access was not granted at the instance.');
    } finally {
      site.instance.consent = true;
    }
  });

  it('connects an account again whose token is refused, and the test fails no more', async () => {
    const person = await site.person();
    const token = site.instance.addToken(site.backends.secrets.make('other-token'), 'invalid');
    const { name, id } = await site.connected(person, { username: 'alice', accessToken: token });
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Test');
    await card(visitor, name).getByRole('button', { name: 'Reconnect' }).click();
    await dialog(visitor).getByRole('button', { name: 'Continue' }).click();
    await visitor.press('Use the new token');
    await visitor.see('@alice has its new token.');
    await card(visitor, name).getByText('Connected', { exact: true }).waitFor();
    expect(await card(visitor, name).getByRole('button', { name: 'Reconnect' }).count()).toBe(0);
    expect((await person.client.get('/v1/platforms')).json()).toMatchObject([{ id, status: 'connected' }]);
  }, 60_000);

  it('keeps what was typed when the session ends: signs in over the page, which shows nothing meanwhile', async () => {
    const person = await site.person();
    const { name } = await site.connected(person);
    const visitor = await site.logIn(person);
    await choose(visitor, name, 'Edit');
    await visitor.fill({ Name: 'Half typed' });
    await site.backends.rows('DELETE FROM refresh_tokens WHERE user_id = $1', [person.id]);
    await visitor.page.route('**/v1/platforms/*', (route) => route.fulfill({ status: 401, json: {} }));
    await visitor.press(/^Save$/);
    await visitor.see('Your session has expired. Log in again.');
    await visitor.page.unroute('**/v1/platforms/*');
    expect(await visitor.axe()).toEqual([]);
    await visitor.fill({ 'E-mail address': person.email, Password: person.password });
    await visitor.page.keyboard.press('Enter');
    await visitor.page
      .getByRole('heading', { name: 'Your session has expired' })
      .waitFor({ state: 'detached' });
    expect(await dialog(visitor).getByLabel('Name', { exact: true }).inputValue()).toBe('Half typed');
    await visitor.press(/^Save$/);
    await card(visitor, 'Half typed').waitFor();
    expect(await visitor.page.title()).toBe('Platforms · Platform Manager');
  }, 60_000);

  it('connects in a tab of its own where leaving the page would end the session, and asks there too', async () => {
    const visitor = await withoutCookies(await site.person());
    for (const isAgain of [false, true]) {
      const link = await beginInTab(visitor);
      const [tab] = await Promise.all([visitor.context.waitForEvent('page'), link.click()]);
      if (isAgain) {
        await tab.getByText('Return to the tab you came from and decide what happens.').waitFor();
        await visitor.page.bringToFront();
        await dialog(visitor).getByRole('heading', { name: '@alice is connected already' }).waitFor();
        await visitor.press('Use the new token');
      }
      await tab.getByRole('heading', { name: 'The account is connected' }).waitFor();
      expect(tab.url()).toBe(site.url);
      await visitor.page.bringToFront();
      await dialog(visitor).waitFor({ state: 'detached' });
      await visitor.page.getByRole('article').getByText('Connected').waitFor();
    }
    expect(await visitor.page.getByRole('article').count()).toBe(1);
    const link = await beginInTab(visitor);
    site.instance.consent = false;
    const [tab] = await Promise.all([visitor.context.waitForEvent('page'), link.click()]);
    await tab.getByText('Access was not granted at the instance.').waitFor();
    site.instance.consent = true;
  }, 60_000);

  it('finishes in the tab that came back when the user has logged out in the other', async () => {
    const person = await site.person();
    const visitor = await withoutCookies(person);
    const address = (await (await beginInTab(visitor)).getAttribute('href')) ?? '';
    await dialog(visitor).getByRole('button', { name: 'Close' }).click();
    await visitor.press('Log out');
    await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor();
    const tab = await visitor.tab(address);
    await tab.see('Log in to finish connecting the account.');
    await tab.logIn(person);
    await tab.see('@alice was added.');
    await tab.page.getByRole('article').getByText('Connected').waitFor();
    expect(tab.page.url()).toBe(`${site.url}platforms`);
  });

  it('makes a connect link, with which somebody without an account connects theirs, also after they said no', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    await visitor.page.goto(`${site.url}connect-links`);
    await visitor.see('No open links.');
    await visitor.press('Make a link');
    await visitor.press('Make link');
    await visitor.see('Whom it is for is required');
    await visitor.fill({ 'Whom it is for': 'customer-1', 'Who asks (optional)': 'Alt Text Helper' });
    await visitor.press('Make link');
    const link = await dialog(visitor).getByLabel('Link', { exact: true }).inputValue();
    site.backends.secrets.add(link.split('#')[1] ?? '');
    expect(await visitor.axe()).toEqual([]);
    await visitor.press('Done');
    await visitor.see('customer-1');

    const guest = await Visitor.open(site.browser, NARROW);
    site.visitors.push(guest);
    await guest.page.goto(link);
    await guest.see('“Alt Text Helper”');
    expect(await guest.page.content()).not.toContain(person.email);
    expect(guest.page.url()).toBe(`${site.url}connect`);
    await guest.fill({ 'Instance or account': site.instance.origin });
    await guest.see(/Mastodon \S+ at 127\.0\.0\.1/);
    expect(await guest.axe()).toEqual([]);
    site.instance.consent = false;
    await guest.press('Continue');
    await guest.see('Access was not granted at the instance.');
    site.instance.consent = true;

    const other = await Visitor.open(site.browser);
    site.visitors.push(other);
    await other.page.goto(link);
    await other.see(/^This link has expired, was already used/);

    await guest.fill({ 'Instance or account': site.instance.origin });
    await guest.press('Continue');
    await guest.page.getByRole('heading', { name: 'Your account is connected' }).waitFor();
    await guest.page.reload();
    await guest.see(/^This address is not complete/);
    await visitor.page.goto(`${site.url}platforms`);
    await visitor.page.getByRole('article').getByText('Connected').waitFor();
  }, 60_000);

  it('says of software that cannot be connected which it is', async () => {
    const visitor = await site.logIn(await site.person());
    await visitor.page.route('**/v1/instances/lookup', (route) =>
      route.fulfill({
        json: {
          ...{ origin: 'https://lemmy.example', software: 'lemmy', version: '0.19', title: null },
          ...{ supported: false, platformType: null, features: null },
        },
      }),
    );
    await visitor.press('Add a platform');
    await visitor.fill({ 'Instance or account': 'lemmy.example' });
    await visitor.see('lemmy.example runs lemmy, which cannot be connected.');
  });

  async function begin(visitor: Visitor, labels?: string): Promise<void> {
    await visitor.press('Add a platform');
    await visitor.fill({ 'Instance or account': site.instance.origin });
    if (labels !== undefined) {
      await visitor.page.getByText('More about the account').click();
      await visitor.fill({ 'Labels (optional)': labels });
    }
    await visitor.press('Continue');
  }

  /** @returns the link to the consent page. */
  async function beginInTab(visitor: Visitor) {
    await begin(visitor);
    return visitor.page.getByRole('link', { name: /^Continue at/ });
  }
});

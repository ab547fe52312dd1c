import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { NARROW, type Visitor } from '../support/browser/browser.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { card, choose, dialog, focused } from '../support/browser/on-page.js';
import type { Person } from '../support/factories.js';
import { insertConnections } from '../support/insert-connections.js';

describe('the console with many connections', () => {
  let site: ConsoleSite;

  beforeAll(async () => {
    site = await ConsoleSite.start();
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(() => site.close(), 120_000);

  const rows = ({ page }: Visitor) => page.getByRole('article');
  const names = (visitor: Visitor): Promise<string[]> => rows(visitor).getByRole('heading').allTextContents();

  /** Every tenth is refused by its instance; the first is the default. */
  async function many(person: Person, count: number): Promise<void> {
    const { backends, instance, goodToken } = site;
    const refused = instance.addToken(backends.secrets.make('refused-token'), 'invalid');
    await insertConnections((text, values) => backends.rows(text, values), backends.keyRing, [
      ...Array.from({ length: count }, (_, index) => ({
        userId: person.id,
        // The number is not a word of its own: the search would find it in an instance's port too.
        name: `Row no.${String(index + 1).padStart(3, '0')}`,
        instanceUrl: index % 2 === 0 ? instance.origin : 'https://photos.example',
        platformType: index % 2 === 0 ? 'mastodon' : 'pixelfed',
        accessToken: index % 10 === 0 ? refused : goodToken,
        isDefault: index === 0,
      })),
    ]);
  }

  const shows = (visitor: Visitor, count: number): Promise<unknown> =>
    waitUntil(async () => (await rows(visitor).count()) === count, {
      timeoutMs: 20_000,
      what: `${count} rows`,
    });

  it('pages through 200, finds, narrows and sorts them, and keeps that in the address', async () => {
    const person = await site.person();
    await many(person, 200);
    const visitor = await site.logIn(person);
    const { page } = visitor;
    await shows(visitor, 50);
    await visitor.see('200 platforms');
    for (const view of [
      { ...NARROW, width: 320 },
      { ...NARROW, width: 3840, height: 2160 },
    ]) {
      await visitor.look(view);
      const height = await page.evaluate<number>('document.documentElement.scrollHeight');
      expect(height).toBeLessThan(view.width === 320 ? 12_000 : 6000);
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate<number>(overflow)).toBe(0);
    }
    await visitor.press('Next page');
    await visitor.see('Page 2 of 4');
    expect((await names(visitor))[0]).toBe('Row no.051');
    await page.getByLabel('Search').fill('row no.19');
    await shows(visitor, 10);
    await visitor.see('10 of 200 platforms');
    await page.getByLabel('Software').selectOption({ label: 'Pixelfed (100)' });
    await shows(visitor, 5);
    await page.getByLabel('Sort by').selectOption('Name');
    expect(page.url()).toBe(`${site.url}platforms?q=row+no.19&software=Pixelfed&sort=name`);
    const found = await names(visitor);
    await page.reload();
    await shows(visitor, 5);
    expect(await names(visitor)).toEqual(found);
    await page.getByRole('link', { name: 'Row no.192' }).click();
    await page.getByRole('heading', { level: 1, name: 'Row no.192' }).waitFor();
    await page.goBack();
    await shows(visitor, 5);
    expect(await page.getByLabel('Search').inputValue()).toBe('row no.19');
    await page.getByLabel('Search').fill('nothing like it');
    await visitor.see('Nothing matches.');
    await visitor.press('show all 200');
    await shows(visitor, 50);
    expect(page.url()).toBe(`${site.url}platforms`);
  }, 90_000);

  it('tests, disables and deletes many by keyboard alone, and tells which did not go well', async () => {
    const person = await site.person();
    await many(person, 12);
    const visitor = await site.logIn(person);
    const { page } = visitor;
    const { keyboard } = page;
    await shows(visitor, 12);
    await page.getByLabel('Search').focus();
    await keyboard.type('127.0.0.1');
    await shows(visitor, 6);
    await page.getByLabel('Select all').focus();
    await keyboard.press('Space');
    await visitor.see('6 selected');
    // Limits are off here: the server says for one that it takes no more, and then does.
    let limited = 1;
    await page.route('**/v1/platforms/*/test', (route) =>
      limited-- > 0
        ? route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json: { code: 'rate_limited' } })
        : route.fallback(),
    );
    await page.getByRole('button', { name: 'Test selected' }).focus();
    await keyboard.press('Enter');
    await visitor.see(/The server takes only so many a minute/);
    await visitor.see('4 of 6 work.');
    await page.getByRole('link', { name: 'Row no.011' }).first().waitFor();
    await visitor.see(/Row no\.011: Token not accepted/);
    await card(visitor, 'Row no.001').getByRole('button', { name: 'Reconnect' }).waitFor();
    expect(await visitor.axe()).toEqual([]);

    await page.getByRole('button', { name: 'Disable selected' }).focus();
    await keyboard.press('Enter');
    await dialog(visitor).getByText('Your default is among them').waitFor();
    await page.route('**/v1/platforms/*', (route) =>
      route.request().method() === 'PATCH' && limited++ === -6
        ? route.fulfill({ status: 503, json: { code: 'database_unavailable', detail: 'Try later.' } })
        : route.fallback(),
    );
    await dialog(visitor).getByRole('button', { name: 'Disable 6 platforms' }).focus();
    await keyboard.press('Enter');
    await visitor.see(/^5 disabled\. 1 could not be disabled\. “Row no\.\d+” is the default now\.$/);
    await page.getByLabel('Status').selectOption('disabled');
    await shows(visitor, 5);
    await visitor.see('5 selected');
    await page.getByRole('button', { name: 'Delete selected' }).focus();
    await keyboard.press('Enter');
    await dialog(visitor).getByRole('button', { name: 'Delete 5 platforms' }).focus();
    await keyboard.press('Enter');
    await visitor.see('5 deleted.');
    await visitor.see('Nothing matches.');
    expect((await person.client.get('/v1/platforms?includeInactive=true')).json()).toHaveLength(7);
  }, 90_000);

  it('keeps the focus where it is when the row moves, and its menu goes by arrow keys', async () => {
    const person = await site.person();
    await many(person, 3);
    const visitor = await site.logIn(person, NARROW);
    const { keyboard } = visitor.page;
    const more = card(visitor, 'Row no.003').locator('summary');
    await more.focus();
    await keyboard.press('ArrowDown');
    expect(await focused(visitor)).toBe('Test Row no.003');
    await keyboard.press('ArrowUp');
    expect(await focused(visitor)).toBe('Delete Row no.003');
    for (let step = 0; step < 3; step += 1) await keyboard.press('ArrowDown');
    expect(await focused(visitor)).toBe('Make default Row no.003');
    await keyboard.press('Enter');
    await card(visitor, 'Row no.003').getByText('Default', { exact: true }).waitFor();
    expect((await names(visitor))[0]).toBe('Row no.003');
    const isBack = async (): Promise<boolean> => (await focused(visitor)) === 'More actions for Row no.003';
    await waitUntil(isBack, { timeoutMs: 10_000, what: 'the focus' });
    await choose(visitor, 'Row no.003', 'Delete');
    await dialog(visitor).getByRole('button', { name: 'Delete' }).click();
    await visitor.see('“Row no.003” deleted. “Row no.001” is the default now.');
  });

  it('undoes what can be undone, shows failures as such, and covers nothing for good', async () => {
    const person = await site.person();
    await many(person, 60);
    const visitor = await site.logIn(person, { ...NARROW, width: 320, height: 600 });
    const { page } = visitor;
    const { keyboard } = page;
    await choose(visitor, 'Row no.001', 'Disable');
    await visitor.see('“Row no.001” disabled. “Row no.002” is the default now.');
    await page.getByRole('button', { name: 'Undo' }).focus();
    await keyboard.press('Enter');
    await card(visitor, 'Row no.001').getByText('Default', { exact: true }).waitFor();
    expect(await card(visitor, 'Row no.001').getByText('Disabled', { exact: true }).count()).toBe(0);
    await choose(visitor, 'Row no.002', 'Make default');
    await visitor.see('“Row no.002” is now the default.');
    await visitor.press('Undo');
    await visitor.see('“Row no.001” is the default again.');

    // The last thing on the page, with messages over its end.
    await choose(visitor, 'Row no.011', 'Test');
    await page
      .getByRole('alert')
      .getByText(/“Row no\.011”: Token not accepted/)
      .waitFor();
    expect(await page.locator('.message.bad').count()).toBe(1);
    expect(await visitor.axe()).toEqual([]);
    await page.getByRole('button', { name: 'Next page' }).focus();
    const isFree = `(() => {
      const { top, bottom, left } = document.activeElement.getBoundingClientRect();
      return document.elementFromPoint(left + 4, (top + bottom) / 2) === document.activeElement;
    })()`;
    expect(await page.evaluate(isFree)).toBe(true);
    await page.getByRole('button', { name: 'Next page' }).click();
    await visitor.see('Page 2 of 2');
    await keyboard.press('Escape');
    for (let left = 3; left > 0 && (await page.locator('.message').count()) > 0; left -= 1)
      await keyboard.press('Escape');
    expect(await page.locator('.message').count()).toBe(0);
  }, 60_000);

  it('shows all others beside one that somebody wrote into the table, whose instance is no URL', async () => {
    const person = await site.person({ admin: true });
    await many(person, 3);
    const script = `javascript:document.title='run'`;
    await site.backends.rows(
      `UPDATE platform_connections SET instance_url = CASE name WHEN 'Row no.002' THEN 'social.example' ELSE $2 END
       WHERE user_id = $1 AND name IN ('Row no.002', 'Row no.003')`,
      [person.id, script],
    );
    const visitor = await site.logIn(person);
    await shows(visitor, 3);
    for (const [name, instance] of [
      ['Row no.002', 'social.example'],
      ['Row no.003', script],
    ] as const) {
      const row = visitor.page.getByRole('article', { name });
      expect(await row.locator('.account-of').textContent()).toContain(`Unknown account at ${instance}`);
      expect(await row.locator('.account-of a').count()).toBe(0);
    }
    await visitor.page.getByRole('link', { name: 'Row no.002' }).click();
    await visitor.page.getByText('at social.example').waitFor();
    expect(await visitor.page.locator('.who a').count()).toBe(0);
    await visitor.page.goto(`${site.url}connections?user=${person.id}`);
    await visitor.see('3 connections');
    await visitor.page.getByText('social.example').waitFor();
  }, 60_000);
});

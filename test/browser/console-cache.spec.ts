import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../support/barrier.js';
import { NARROW, type Visitor } from '../support/browser/browser.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { type Person, createPlatform } from '../support/factories.js';

describe('the console of an administrator', () => {
  let site: ConsoleSite;
  let admin: Person;

  beforeAll(async () => {
    site = await ConsoleSite.start();
    admin = await site.person({ admin: true });
    await createPlatform(admin, site.backends.secrets, { name: 'Kept' });
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(() => site.close(), 120_000);

  const figure = async ({ page }: Visitor, label: string): Promise<string> =>
    (await page
      .locator('.tile', { has: page.getByText(label, { exact: true }) })
      .locator('strong')
      .textContent()) ?? '';

  async function watchCache(): Promise<Visitor> {
    const visitor = await site.logIn(admin);
    await visitor.page.getByRole('link', { name: 'Cache' }).click();
    await visitor.see('Database queries saved');
    return visitor;
  }

  const read = async (times: number): Promise<void> => {
    for (let n = 0; n < times; n += 1) await admin.client.get('/v1/platforms');
  };

  it('is not there for others', async () => {
    const visitor = await site.logIn(await site.person());
    expect(await visitor.page.getByRole('link', { name: 'Cache' }).count()).toBe(0);
    await visitor.page.goto(`${site.url}#/cache`);
    await visitor.see('Page not found');
  });

  it('sees how all connections are doing, and finds those in trouble and those of a user', async () => {
    const person = await site.person();
    const { id } = await site.connected(person, { name: 'In trouble' });
    await site.connected(person, { name: 'Not in trouble' });
    await site.backends.rows(`UPDATE platform_connections SET status = 'instance_gone' WHERE id = $1`, [id]);
    const visitor = await site.logIn(admin);
    const { page } = visitor;
    await page.getByRole('link', { name: 'Overview' }).click();
    expect(await figure(visitor, 'Database')).toBe('Works');
    const all = await site.backends.rows<{ count: number }>(
      'SELECT count(*)::integer AS count FROM platform_connections',
    );
    await visitor.see('By type of software');
    expect(Number(await figure(visitor, 'Connections'))).toBe(all[0]?.count);
    await page.getByRole('link', { name: 'Instance no longer exists' }).click();
    await visitor.see('In trouble');
    expect(page.url()).toBe(`${site.url}connections?status=instance_gone`);
    await page.getByRole('link', { name: `user ${person.id}` }).click();
    await visitor.see('Not in trouble');
    await visitor.see('2 connections');
    await page.getByLabel('Search').fill('Not in');
    await visitor.see('1 connection');
    await page.getByLabel('Type').selectOption('Pixelfed');
    await visitor.see('Nothing matches.');
    await page.reload();
    await visitor.see('Nothing matches.');
  });

  it('sees how the server is doing, and which connections broke or end soon', async () => {
    const person = await site.person();
    const [broken, ending] = [await site.connected(person), await site.connected(person)];
    await site.backends.rows(
      `UPDATE platform_watch SET broken_checks = 2, condition_at = now() WHERE platform_id = $1`,
      [broken.id],
    );
    await site.backends.rows(`UPDATE platform_connections SET key_id = 'an-older-key' WHERE id = $1`, [
      broken.id,
    ]);
    await site.backends.rows(
      `UPDATE platform_connections SET token_expires_at = now() + interval '3 days' WHERE id = $1`,
      [ending.id],
    );
    const visitor = await site.logIn(admin);
    await visitor.page.getByRole('link', { name: 'Overview' }).click();
    const entry = (list: string, name: string) =>
      visitor.page.getByRole('region', { name: list }).getByText(name);
    await entry('Broken lately', broken.name).waitFor();
    await entry('Tokens that expire soon', ending.name).waitFor();
    await visitor.page.getByRole('link', { name: 'System' }).click();
    await visitor.see('Platform connections: 1 left');
    expect(await figure(visitor, 'Cache')).toBe('In use');
    expect(await figure(visitor, 'Mail')).toBe('Not configured');
    await visitor.see(/Platform Manager \d.* PostgreSQL \d/);
    // As keys:rotate records it.
    await site.backends.rows(
      `INSERT INTO key_rotations (what, key_id, total, done)
       SELECT 'platform connections', key_id, 120, 119 FROM key_canary`,
    );
    await visitor.page.reload();
    const progress = visitor.page.getByRole('progressbar', {
      name: 'Platform connections: 119 of 120 (99 %)',
    });
    await progress.waitFor();
    expect(await progress.getAttribute('value')).toBe('119');
    expect(await visitor.axe()).toEqual([]);
  });

  it('goes anywhere by keyboard: Ctrl K, a few letters, Enter', async () => {
    const visitor = await site.logIn(admin);
    const { keyboard } = visitor.page;
    await visitor.page.getByRole('article').first().waitFor();
    const command = async (typed: string): Promise<void> => {
      await keyboard.press('Control+K');
      await visitor.page.getByRole('combobox', { name: 'Command' }).waitFor();
      await keyboard.type(typed);
    };
    await command('users');
    await keyboard.press('Enter');
    await visitor.page.getByRole('heading', { level: 1, name: 'Users' }).waitFor();
    await command('kept');
    await keyboard.press('ArrowDown');
    const chosen = visitor.page.getByRole('dialog').getByRole('option', { selected: true });
    expect(await chosen.textContent()).toContain('Test Kept');
    await keyboard.press('ArrowUp');
    await keyboard.press('Enter');
    await visitor.page.getByRole('heading', { level: 1, name: 'Kept' }).waitFor();
    await command('no such thing');
    await visitor.see('Nothing like it.');
    await keyboard.press('Escape');
    await command('add a pl');
    await keyboard.press('Enter');
    await visitor.page.getByRole('heading', { name: 'Add a platform' }).waitFor();
    await keyboard.press('Escape');
    expect(visitor.page.url()).toBe(`${site.url}platforms`);
    await visitor.look(NARROW);
    await visitor.press(/^Go to/);
    await visitor.page.getByRole('option', { name: 'Log out' }).click();
    await visitor.page.getByRole('heading', { name: 'Log in' }).waitFor();
  });

  it('finds a user, disables and enables them, and invites somebody', async () => {
    const person = await site.person();
    const visitor = await site.logIn(admin);
    const { page } = visitor;
    await page.getByRole('link', { name: 'Users' }).click();
    await page.getByLabel('Search by e-mail address').fill(person.email.slice(0, -5));
    const rows = page.locator('ul.rows').first().getByRole('listitem');
    await waitUntil(async () => (await rows.count()) === 1, { timeoutMs: 10_000, what: 'one user' });
    for (const [act, state] of [
      ['Disable', 1],
      ['Enable', 0],
    ] as const) {
      await rows.getByText('More').click();
      await page.getByRole('button', { name: `${act} ${person.email}` }).click();
      await page.getByRole('dialog').getByRole('button', { name: act }).click();
      const shown = async (): Promise<boolean> => (await rows.getByText('Disabled').count()) === state;
      await waitUntil(shown, { timeoutMs: 10_000, what: act });
    }
    await visitor.press('Invite somebody');
    await visitor.press('Make a link');
    const link = await page.getByRole('textbox', { name: 'Link' }).inputValue();
    await visitor.press('Done');
    await visitor.see('Anybody who has the link');

    const invited = await site.visit();
    await invited.page.goto(link);
    await invited.fill({ 'E-mail address': `invited-${person.email}`, Password: person.password });
    await invited.press('Create account');
    await invited.see('No platforms connected yet.');
  });

  it('shows figures and charts that move as the cache is read', async () => {
    const visitor = await watchCache();
    await read(5);
    const settled = async (): Promise<string> => figure(visitor, 'Database queries saved');
    const before = Number(await settled());
    await read(40);
    const moved = async (): Promise<boolean> => Number(await settled()) >= before + 30;
    await waitUntil(moved, { timeoutMs: 30_000, what: 'the saved queries to be shown', intervalMs: 200 });
    await visitor.see(/^last 30 s: \d/);
    const chart = visitor.page.locator('.plot').first();
    await chart.hover({ position: { x: 300, y: 80 } });
    await visitor.page
      .locator('figcaption')
      .first()
      .getByText(/ at \d+:\d+:\d+/)
      .waitFor();
    await visitor.page.getByLabel('Charts of the last').selectOption('1 minute');
    expect(await figure(visitor, 'Latency, median')).toMatch(/^[\d.]+ ms$/);
    expect(await figure(visitor, 'Breaker')).toBe('Closed: in use');
    expect(await figure(visitor, 'Connections in use')).toMatch(/^\d+$/);
    expect(await figure(visitor, 'Outbox lag')).toMatch(/^\d\S* s$/);
    await visitor.page.getByText('Reads by outcome, as a table').click();
    const rows = visitor.page.getByRole('region', { name: 'Reads by outcome, table' }).getByRole('row');
    const first = await rows.count();
    const grown = async (): Promise<boolean> => (await rows.count()) > first;
    await waitUntil(grown, { timeoutMs: 30_000, what: 'the chart to move', intervalMs: 200 });
  }, 120_000);

  it('rests while it is paused', async () => {
    const [resting, watching] = [await watchCache(), await watchCache()];
    await resting.press('Pause updates');
    await resting.page.getByRole('button', { name: 'Pause updates', pressed: true }).waitFor();
    const saved = (visitor: Visitor): Promise<string> => figure(visitor, 'Database queries saved');
    const before = Number(await saved(watching));
    await read(10);
    const moved = async (): Promise<boolean> => Number(await saved(watching)) >= before + 10;
    await waitUntil(moved, { timeoutMs: 30_000, what: 'the other window to move', intervalMs: 200 });
    expect(Number(await saved(resting))).toBeLessThan(before + 10);
    await resting.press('Pause updates');
    const caughtUp = async (): Promise<boolean> => Number(await saved(resting)) >= before + 10;
    await waitUntil(caughtUp, { timeoutMs: 30_000, what: 'it to go on', intervalMs: 200 });
  }, 120_000);

  it('warms and drops after asking, and shows what was refused at its field', async () => {
    const visitor = await watchCache();
    await visitor.press('Drop…');
    await visitor.page.getByRole('dialog').getByRole('button', { name: 'Drop' }).click();
    await visitor.see(`Dropped the cached entries of user ${admin.id}.`);
    expect(await site.backends.redis.exists(`user_platforms:${admin.id}`)).toBe(0);
    await visitor.press('Warm…');
    await visitor.fill({ Users: '0' });
    await visitor.page.getByRole('dialog').getByRole('button', { name: 'Warm' }).click();
    await visitor.see('users must not be less than 1');
    await visitor.fill({ Users: '10' });
    await visitor.page.getByRole('dialog').getByRole('button', { name: 'Warm' }).click();
    await visitor.see('Warming the entries of up to 10 users.');
    const warm = async (): Promise<boolean> =>
      (await site.backends.redis.exists(`user_platforms:${admin.id}`)) === 1;
    await waitUntil(warm, { timeoutMs: 30_000, what: 'the list to be warm' });
  });

  it('stays usable with Redis down, says so, and says when it is well again', async () => {
    const visitor = await watchCache();
    await site.redis.kill();
    await visitor.see(/^The cache \(Redis\) is down\./);
    expect(await visitor.axe()).toEqual([]);
    const open = async (): Promise<boolean> => (await figure(visitor, 'Breaker')).startsWith('Open');
    await waitUntil(open, { timeoutMs: 30_000, what: 'the breaker to be shown open', intervalMs: 200 });
    await visitor.page.getByRole('link', { name: 'Platforms' }).click();
    const card = visitor.page.getByRole('article', { name: 'Kept' });
    await card.getByText('More').click();
    await card.getByRole('button', { name: 'Disable' }).click();
    await card.getByText('Disabled', { exact: true }).waitFor();
    await card.getByText('More').click();
    await card.getByRole('button', { name: 'Enable' }).click();
    await card.getByText('Disabled', { exact: true }).waitFor({ state: 'detached' });
    await site.redis.start();
    await visitor.page.getByText(/^The cache \(Redis\)/).waitFor({ state: 'detached' });
  }, 180_000);
});

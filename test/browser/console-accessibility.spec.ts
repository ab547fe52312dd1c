import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { NARROW, type View, Visitor, WIDE } from '../support/browser/browser.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { choose, focused } from '../support/browser/on-page.js';
import { type Person, createPlatform } from '../support/factories.js';

/** With SCREENSHOTS=1 this also renews the pictures of README.md and docs/console.md. */
const FOLDER = fileURLToPath(new URL('../../docs/screenshots/', import.meta.url));
const DAY_MS = 86_400_000;
/** The console's own: useCacheWatch. */
const CACHE_POLL_MS = 2000;
const SHOTS = process.env.SHOTS;
const MAKE_SCREENSHOTS = process.env.SCREENSHOTS === '1';

const VIEWS: readonly (View & { readonly name: string })[] = [
  { ...WIDE, name: 'wide' },
  { ...NARROW, name: 'narrow' },
  { ...WIDE, theme: 'dark', name: 'wide-dark' },
  { ...NARROW, theme: 'dark', name: 'narrow-dark' },
];

/** The pictures of the documentation: of each page in both themes, and narrow. */
const KEPT = ['wide', 'narrow', 'wide-dark'];

describe('the console', () => {
  let site: ConsoleSite;
  let admin: Person;
  let photosId: number;

  beforeAll(async () => {
    site = await ConsoleSite.start();
    admin = await site.person({ admin: true });
    await furnish();
    if (MAKE_SCREENSHOTS) await mkdir(FOLDER, { recursive: true });
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(() => site.close(), 120_000);

  /** One of each kind of state that a card can show. */
  async function furnish(): Promise<void> {
    const { backends, instance } = site;
    const add = (own: Record<string, string>) => createPlatform(admin, backends.secrets, own);
    const good = backends.secrets.make('good-token');
    instance.addToken(good);
    const photos = await add({
      name: 'Photos',
      platformType: 'pixelfed',
      instanceUrl: 'https://pixelfed.example',
    });
    photosId = photos.id;
    const garden = await add({
      name: 'Garden Club',
      platformType: 'gotosocial',
      instanceUrl: 'https://garden.example',
    });
    const news = await add({
      name: 'News desk',
      instanceUrl: 'https://mastodon.example',
      username: 'newsdesk',
    });
    const old = await add({
      name: 'Old account',
      platformType: 'friendica',
      instanceUrl: 'https://friends.example',
    });
    const set = (id: number, assignments: string): Promise<unknown> =>
      backends.rows(`UPDATE platform_connections SET ${assignments} WHERE id = $1`, [id]);
    await set(news.id, `status = 'connected', last_checked_at = now() - interval '12 minutes'`);
    await set(
      garden.id,
      `status = 'token_invalid', last_checked_at = now() - interval '2 hours',
       last_error = 'The instance does not accept the access token. Reconnect the account.'`,
    );
    await backends.rows(
      `INSERT INTO platform_checks (platform_id, outcome, detail, first_at, last_at, checks, latency_ms) VALUES
         ($1, 'connected', '', now() - interval '6 days', now() - interval '8 hours', 24, 180),
         ($1, 'token_invalid', '', now() - interval '2 hours', now() - interval '2 hours', 1, 95)`,
      [garden.id],
    );
    await set(photos.id, `status = 'connected', token_expires_at = now() + interval '9 days'`);
    await set(news.id, `account_id = '7'`);
    // As the watcher would have, in a quarter of a year.
    await backends.rows(
      `INSERT INTO account_snapshots (platform_id, taken_on, taken_at, account_id, followers, following, statuses)
       SELECT $1, current_date - day, now() - day * interval '1 day', '7',
         1275 - 4 * day + (25 * sin(day / 6.0))::integer, 310, 4700 - 7 * day
       FROM generate_series(0, 89) AS day`,
      [news.id],
    );
    await admin.client.put(`/v1/platforms/${news.id}/default`);
    await admin.client.patch(`/v1/platforms/${old.id}`, { isActive: false });
    for (const { id } of [news, photos]) await record(id);
  }

  async function record(id: number): Promise<void> {
    const activities = Array.from({ length: 120 }, (_, n) => ({
      kind: n % 3 === 0 ? 'post' : n % 40 === 1 ? 'processing_run' : 'image',
      externalId: `${id}-${n}`,
      status: n % 17 === 0 ? 'failed' : n % 7 === 0 ? 'scheduled' : 'published',
      occurredAt: new Date(Date.now() - (((n * n) / 5) % 80) * DAY_MS).toISOString(),
    }));
    const answer = await admin.client.post(`/v1/platforms/${id}/activities`, activities);
    expect(answer.status).toBe(200);
  }

  async function inspect(visitor: Visitor, page: string): Promise<void> {
    for (const { name, ...view } of VIEWS) {
      await visitor.look(view);
      const path = `${FOLDER}${page}-${name}.png`;
      if (SHOTS !== undefined)
        await visitor.page.screenshot({ path: `${SHOTS}/${page}-${name}.png`, fullPage: true });
      if (MAKE_SCREENSHOTS && KEPT.includes(name)) await visitor.page.screenshot({ path, fullPage: true });
      expect(await visitor.axe({ coloursOnly: view.theme === 'dark' })).toEqual([]);
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await visitor.page.evaluate<number>(overflow)).toBe(0);
    }
    await visitor.look(WIDE);
  }

  it('has no violation on the log-in page, wide and narrow, light and dark', async () => {
    const visitor = await site.visit();
    await visitor.see('Log in');
    await inspect(visitor, 'log-in');
    await visitor.press('Log in');
    await visitor.page.locator('[aria-invalid=true]').first().waitFor();
    expect(await visitor.axe()).toEqual([]);
    for (const [page, seen] of [
      ['forgot-password', 'Send a link'],
      ['reset-password', 'Set password'],
      ['verify-email', 'Confirm your e-mail address'],
      ['register', 'Create account'],
    ] as const) {
      await visitor.page.goto(site.url + page);
      await visitor.see(seen);
      await inspect(visitor, page);
    }
  }, 120_000);

  describe('to an administrator in one window', () => {
    let visitor: Visitor;

    // A page costs most when it runs its scripts, and axe, for the first time.
    beforeAll(async () => {
      visitor = await Visitor.open(site.browser);
      await visitor.page.goto(site.url);
      await visitor.logIn(admin);
    });
    afterEach(() => site.expectClean(visitor));
    afterAll(() => visitor.close());

    it('has none on the platforms, and none in the dialogs', async () => {
      await visitor.page.getByRole('article').first().waitFor();
      await inspect(visitor, 'platforms');
      await visitor.page.keyboard.press('Control+K');
      await inspect(visitor, 'commands');
      await visitor.page.keyboard.press('Escape');
      await visitor.page.getByLabel('Select all').check();
      await inspect(visitor, 'selected');
      await visitor.press('Add a platform');
      await inspect(visitor, 'add');
      await visitor.page.getByLabel('With an access token').check();
      expect(await visitor.axe()).toEqual([]);
      await visitor.page.keyboard.press('Escape');
      await choose(visitor, 'News desk', 'Edit');
      expect(await visitor.axe()).toEqual([]);
      await visitor.page.keyboard.press('Escape');
      await choose(visitor, 'News desk', 'Delete');
      expect(await visitor.axe()).toEqual([]);
      await visitor.page.keyboard.press('Escape');
      await visitor.page.getByText('More actions for Photos').click();
      expect(await visitor.axe()).toEqual([]);
      await visitor.page.getByRole('link', { name: 'Garden Club' }).click();
      await visitor.see('Connection added');
      await visitor.press('Reconnect');
      expect(await visitor.axe()).toEqual([]);
      await visitor.page.keyboard.press('Escape');
      await inspect(visitor, 'platform');
    }, 120_000);

    it('has none on the statistics', async () => {
      await visitor.page.getByRole('link', { name: 'Stats' }).click();
      await visitor.see('Activity by status');
      await visitor.see('published');
      await visitor.see('Activity per day, as a table');
      await visitor.see('Followers, as a table');
      await inspect(visitor, 'stats');
    }, 120_000);

    it('has none on the API keys, the activity log and the account, empty or not', async () => {
      const to = (name: string): Promise<void> =>
        visitor.page.getByRole('link', { name, exact: true }).click();
      await to('API keys');
      await visitor.see('No API keys yet.');
      expect(await visitor.axe()).toEqual([]);
      await visitor.press('Make an API key');
      await visitor.page.getByText('Limit it further').click();
      await inspect(visitor, 'make-key');
      await visitor.press('Make key');
      await visitor.see('Name is required');
      await visitor.page.keyboard.press('Escape');
      for (const [name, scopes] of [
        ['Alt text worker', ['platforms:read', 'credentials:read']],
        ['Statistics', ['activities:write']],
      ]) {
        const policy = { addresses: ['203.0.113.0/24'] };
        await admin.client.post('/v1/api-keys', { name, scopes, ...(name === 'Statistics' && { policy }) });
      }
      await visitor.page.reload();
      await visitor.see('Only from 203.0.113.0/24');
      await inspect(visitor, 'api-keys');
      await to('Activity log');
      await visitor.see('API key made');
      await inspect(visitor, 'activity-log');
      await to('Account');
      await visitor.see('This device');
      await inspect(visitor, 'account');
    }, 120_000);

    it('has none on the webhooks, their deliveries and the connect links', async () => {
      const { backends, instance } = site;
      const made = await admin.client.post('/v1/webhooks', {
        url: `${instance.origin}/hooks`,
        events: ['platform.broken', 'platform.recovered'],
      });
      const { id, secret } = made.json<{ id: number; secret: string }>();
      backends.secrets.add(secret.slice('whsec_'.length));
      await backends.rows(
        `UPDATE webhooks SET url = 'https://app.example.org/hooks', last_delivered_at = now() - interval '3 hours'
       WHERE id = $1`,
        [id],
      );
      await backends.rows(
        `INSERT INTO webhook_deliveries
         (webhook_id, platform_id, message_id, type, payload, created_at, status, attempts, last_attempt_at, response_status, response_body)
       SELECT $1, $2, 'msg-' || n, 'platform.broken', '{}', now() - (5 - n) * interval '3 hours', CASE n WHEN 2 THEN 'failed' ELSE 'delivered' END, 1,
         now() - (5 - n) * interval '3 hours', CASE n WHEN 2 THEN 503 ELSE 200 END, ''
       FROM generate_series(1, 4) AS n`,
        [id, photosId],
      );
      for (const externalUserId of ['customer-1207', 'customer-1311'])
        await admin.client.post('/v1/connect/links', { externalUserId, applicationName: 'Alt Text Helper' });
      await visitor.page.getByRole('link', { name: 'Webhooks' }).click();
      await visitor.see('https://app.example.org/hooks');
      await inspect(visitor, 'webhooks');
      await visitor.press(/^Deliveries/);
      await visitor.see(/answered 503/);
      await inspect(visitor, 'deliveries');
      await visitor.page.keyboard.press('Escape');
      await visitor.page.getByRole('link', { name: 'Connect links' }).click();
      await visitor.see('customer-1207');
      await inspect(visitor, 'connect-links');
    }, 120_000);

    it('has none on the users page, nor in its menus and dialogs', async () => {
      await visitor.page.getByRole('link', { name: 'Users' }).click();
      await visitor.see('Administrator');
      await inspect(visitor, 'users');
      await visitor.press('Invite somebody');
      expect(await visitor.axe()).toEqual([]);
      await visitor.page.keyboard.press('Escape');
    }, 120_000);

    it('has none on the overview and the list of all connections', async () => {
      await visitor.page.getByRole('link', { name: 'Overview' }).click();
      await visitor.see('By type of software');
      await inspect(visitor, 'overview');
      await visitor.page.getByRole('link', { name: 'Token not accepted' }).click();
      await visitor.see('Garden Club');
      await inspect(visitor, 'connections');
    }, 120_000);

    it('has none on the system page', async () => {
      await visitor.page.getByRole('link', { name: 'System' }).click();
      await visitor.see('Recent errors');
      await inspect(visitor, 'system');
    }, 120_000);

    it.each([320, 1023])('has its pages in a menu at %i px, by keyboard alone', async (width) => {
      const { page } = visitor;
      await page.getByRole('link', { name: 'Platforms', exact: true }).click();
      await page.getByRole('article').first().waitFor();
      await visitor.look({ ...NARROW, width });
      const link = page.getByRole('link', { name: 'System' });
      const menu = page.getByRole('button', { name: 'Menu' });
      expect(await link.isVisible()).toBe(false);
      await menu.focus();
      await page.keyboard.press('Enter');
      await link.waitFor();
      expect(await visitor.axe()).toEqual([]);
      await page.keyboard.press('Escape');
      await link.waitFor({ state: 'hidden' });
      expect(await focused(visitor)).toBe('Menu');
      await page.keyboard.press('Enter');
      for (let stop = 0; stop < 20 && (await focused(visitor)) !== 'System'; stop += 1)
        await page.keyboard.press('Tab');
      await page.keyboard.press('Enter');
      await visitor.see('Recent errors');
      await link.waitFor({ state: 'hidden' });
      expect(await focused(visitor)).toBe('System');
      expect(await page.evaluate('document.activeElement.id')).toBe('page-title');
      const overflow = 'document.documentElement.scrollWidth - document.documentElement.clientWidth';
      expect(await page.evaluate(overflow)).toBe(0);
      await visitor.look(WIDE);
    });
  });

  it('has none on the cache page', async () => {
    const visitor = await site.logIn(admin);
    const { clock } = visitor.page;
    await clock.install();
    await visitor.page.getByRole('link', { name: 'Cache' }).click();
    await visitor.see('Database queries saved');
    // Readings for the charts to show.
    for (let reading = 0; reading < 5; reading += 1) {
      const read = visitor.page.waitForResponse('**/v1/admin/cache');
      for (let n = 0; n < 20 + 40 * reading; n += 1) await admin.client.get('/v1/platforms');
      await clock.fastForward(CACHE_POLL_MS);
      await read;
    }
    await inspect(visitor, 'cache');
  }, 180_000);

  it('has an API page that offers to run everything but the stream, keeps a pasted token while developing, and takes over the session of the console', async () => {
    const visitor = await site.visit();
    const { page } = visitor;
    // A load takes 8 s of CPU.
    page.setDefaultTimeout(60_000);
    const show = (): Promise<unknown> => page.goto(`${site.api.baseUrl}/docs`);
    const authorized = (): Promise<void> => page.locator('.auth-wrapper .authorize.locked').waitFor();
    await visitor.see('Log in');
    const refused = page.waitForResponse('**/v1/auth/refresh');
    await show();
    expect((await refused).status()).toBe(401);
    await page.locator('.auth-wrapper .authorize.unlocked').waitFor();
    await page.getByRole('button', { name: 'Authorize' }).click();
    await page.getByLabel('auth-bearer-value').fill('the-token');
    await page.getByRole('button', { name: 'Apply credentials' }).click();
    await authorized();
    const groups = await page
      .locator('.opblock-tag')
      .evaluateAll((tags) => tags.map((tag) => tag.dataset.tag));
    expect(groups.slice(0, 4)).toEqual(['auth', 'instances', 'connect', 'platforms']);
    const first = page.locator('#operations-tag-auth + div .opblock-summary-path');
    expect(await first.first().getAttribute('data-path')).toBe('/v1/auth/register');

    await page.goto(site.url);
    await visitor.logIn(admin);
    await show();
    await authorized();
    expect(await page.evaluate('localStorage.getItem("authorized")')).toContain('the-token');
    await page.locator('#operations-events-Events_stream').getByRole('button').first().click();
    await visitor.see(/^curl -N/);
    expect(await page.getByRole('button', { name: 'Execute' }).count()).toBe(0);
    await page.getByRole('button', { name: 'Authorize' }).click();
    await page.getByRole('button', { name: 'Remove authorization' }).click();
    await page.locator('.auth-wrapper .authorize.unlocked').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    // As after another load, which costs seconds.
    await page.evaluate('ui.getConfigs().onComplete()');
    await authorized();
    const me = page.locator('#operations-auth-Me_getMe').first();
    await me.getByRole('button').first().click();
    await me.getByRole('button', { name: 'Execute' }).click();
    await me.locator('.live-responses-table').getByText(admin.email).first().waitFor();
    await page.evaluate('localStorage.clear()');
  }, 180_000);

  it('has its pages beside them at 1024 px, each on one line, and its messages not over them', async () => {
    const visitor = await site.logIn(admin, { width: 1024, height: 700, theme: 'light' });
    const { page } = visitor;
    const heights = await page
      .getByRole('navigation', { name: 'Pages' })
      .getByRole('link')
      .evaluateAll((links: { offsetHeight: number }[]) => links.map(({ offsetHeight }) => offsetHeight));
    expect(heights).toHaveLength(12);
    expect(Math.max(...heights)).toBeLessThan(40);
    expect(await page.getByRole('button', { name: 'Menu' }).isVisible()).toBe(false);
    await choose(visitor, 'Photos', 'Disable');
    await page.getByText('“Photos” disabled').first().waitFor();
    // Under the message it could not be pressed.
    await visitor.press('Log out');
    await visitor.see('Log in');
    await admin.client.patch(`/v1/platforms/${photosId}`, { isActive: true });
  });

  it('can be used by keyboard alone: the first stop skips to the content', async () => {
    const visitor = await site.visit();
    await visitor.logIn(admin);
    await visitor.page.getByRole('article').first().waitFor();
    const { keyboard } = visitor.page;
    const active = (property: string): Promise<string> =>
      visitor.page.evaluate<string>(`document.activeElement.${property}`);
    // Backwards from the title, which has the focus after the page has changed, to the very first stop.
    expect(await active('id')).toBe('page-title');
    for (let stop = 0; stop < 40 && !(await active('className')).includes('skip'); stop += 1) {
      await keyboard.press('Shift+Tab');
    }
    expect(await active('textContent')).toContain('Skip to content');
    await keyboard.press('Enter');
    expect(await active('id')).toBe('page-title');
    await keyboard.press('Tab');
    expect(await active('textContent')).toBe('Add a platform');
    expect(await active(`matches(':focus-visible')`)).toBe(true);
    await keyboard.press('Enter');
    await visitor.page.getByRole('dialog').waitFor();
    await keyboard.press('Escape');
    expect(await active('textContent')).toBe('Add a platform');
  });
});

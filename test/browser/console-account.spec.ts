import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { authenticator } from '../../src/factors/second-factors.js';
import { waitUntil } from '../support/barrier.js';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { dialog } from '../support/browser/on-page.js';
import { type Person, unique } from '../support/factories.js';
import { MailServer } from '../support/mail-server.js';

describe('an account in the console', () => {
  let mails: MailServer;
  let site: ConsoleSite;

  beforeAll(async () => {
    mails = await MailServer.start();
    site = await ConsoleSite.start(mails.env(), 'localhost');
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(async () => {
    await site.close();
    await mails.close();
  }, 120_000);

  /** As if the person had logged in long ago. */
  async function loggedInLongAgo({ id, client }: Person): Promise<void> {
    await site.backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = $1`,
      [id],
    );
    const body = { name: 'another', scopes: ['platforms:read'] };
    await waitUntil(async () => (await client.post('/v1/api-keys', body)).status === 403, {
      ...{ timeoutMs: 10_000, intervalMs: 50, what: 'the API to know' },
    });
  }

  it('asks for the password before a key is made long after the log-in, and goes on with it', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('link', { name: 'API keys' }).click();
    await loggedInLongAgo(person);
    await visitor.press('Make an API key');
    await visitor.fill({ Name: 'Worker' });
    await visitor.page.getByLabel('See connections and statistics').check();
    await visitor.press('Make key');
    await visitor.see('Confirm that it is you');
    const question = visitor.page.getByRole('dialog', { name: 'Confirm that it is you' });
    await question.getByRole('button', { name: 'Cancel' }).click();
    await visitor.see(/needs a sign-in of the last ten minutes/);
    await visitor.press('Make key');
    await visitor.fill({ 'Your password': 'not the password' });
    await visitor.page.keyboard.press('Enter');
    await visitor.see('The current password is wrong.');
    await visitor.fill({ 'Your password': person.password });
    await visitor.page.keyboard.press('Enter');
    await visitor.see('This is the only time that it is shown.');
    const key = await visitor.page.getByLabel('API key', { exact: true }).inputValue();
    site.backends.secrets.add(key);
    await visitor.press('Done');
    await visitor.see('Worker');
  });

  it('sets up an authenticator app, logs in with a code and with a recovery code, and turns it off', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    const { page } = visitor;
    await page.getByRole('link', { name: 'Account' }).click();
    await visitor.press('Set up an app');
    await page.getByRole('img', { name: 'QR code for the app' }).waitFor();
    const shown = await dialog(visitor).locator('p.mono').textContent();
    const secret = (shown ?? '').replaceAll(' ', '');
    expect(await visitor.axe()).toEqual([]);
    await visitor.fill({ Code: '12' });
    await page.keyboard.press('Enter');
    await visitor.see('Code must have 6 digits');
    // Of the step before, so that the next one still counts.
    const at = (ms: number) => authenticator(secret).generate({ timestamp: Date.now() + ms });
    await visitor.fill({ Code: at(-30_000) });
    await page.keyboard.press('Enter');
    await visitor.see('Keep these recovery codes');
    const [code = ''] = (await page.getByRole('textbox', { name: 'Recovery codes' }).inputValue()).split(
      '\n',
    );
    site.backends.secrets.add(code);
    expect(await visitor.axe()).toEqual([]);
    await visitor.press('Done');
    await visitor.see(/Recovery codes left: 10/);

    const { email, password } = person;
    for (const given of [at(0), code]) {
      await visitor.press('Log out');
      await visitor.fill({ 'E-mail address': email, Password: password });
      await visitor.press('Log in');
      await visitor.see('One more step');
      await visitor.fill({ Code: '000000' });
      await page.keyboard.press('Enter');
      await visitor.see(/The code is wrong/);
      await visitor.fill({ Code: given });
      await page.keyboard.press('Enter');
      await visitor.see(email);
    }
    await page.getByRole('link', { name: 'Account' }).click();
    await visitor.see(/Recovery codes left: 9/);
    await visitor.press('Turn off');
    await dialog(visitor).getByRole('button', { name: 'Turn off' }).click();
    await visitor.see('Set up an app');
  });

  it('chooses what is told by mail, and takes the data along with the tokens after the password', async () => {
    const person = await site.person();
    await site.connected(person);
    const visitor = await site.logIn(person);
    const { page } = visitor;
    await page.getByRole('link', { name: 'Account' }).click();
    await visitor.see(/Confirm your e-mail address first/);
    const made = page.getByLabel('An API key is made');
    expect(await made.isChecked()).toBe(true);
    await made.focus();
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await visitor.see('Your choice is saved.');
    expect((await person.client.get('/v1/me/notices')).json()).toMatchObject({
      ...{ apiKeyMade: false, newSignIn: true, credentialsRevealed: true, connections: true },
    });
    await page.reload();
    await made.waitFor();
    expect(await made.isChecked()).toBe(false);
    expect(await visitor.axe()).toEqual([]);

    await loggedInLongAgo(person);
    await visitor.press('Download with access tokens');
    await visitor.see('Confirm that it is you');
    await visitor.fill({ 'Your password': person.password });
    const download = page.waitForEvent('download');
    await page.keyboard.press('Enter');
    const exported = JSON.parse(await text(await (await download).createReadStream())) as {
      credentials: { accessToken: string }[];
    };
    expect(site.backends.secrets.foundIn(exported.credentials[0]?.accessToken ?? '')).toHaveLength(1);
  });

  it('changes the address by the links to both', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    await visitor.page.getByRole('link', { name: 'Account' }).click();
    const next = `${unique()}@example.org`;
    await visitor.fill({ 'New e-mail address': next });
    await visitor.press('Change address');
    await visitor.see(/Links are on their way/);
    for (const [address, text] of [
      [person.email, /Now open the link in the message to your other address/],
      [next, /Your address is changed/],
    ] as const) {
      const other = await site.visit();
      await other.page.goto(`${site.url}change-email#${await mails.token('change-email', address)}`);
      await other.press('Confirm');
      await other.see(text);
    }
    const later = await site.visit();
    await later.logIn({ email: next, password: person.password });
  });

  it('adds a passkey, logs in with it alone and in place of a code, and removes it', async () => {
    const person = await site.person();
    const visitor = await site.logIn(person);
    const { page } = visitor;
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable');
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    await page.getByRole('link', { name: 'Account' }).click();
    await visitor.press('Add a passkey');
    await visitor.fill({ Name: 'This laptop' });
    expect(await visitor.axe()).toEqual([]);
    await page.keyboard.press('Enter');
    await visitor.see('Keep these recovery codes');
    const codes = await page.getByRole('textbox', { name: 'Recovery codes' }).inputValue();
    for (const code of codes.split('\n')) site.backends.secrets.add(code);
    await visitor.press('Done');
    await visitor.see('This laptop');
    expect(await visitor.axe()).toEqual([]);

    await visitor.press('Log out');
    await visitor.press('Use a passkey');
    await visitor.see(person.email);
    await visitor.press('Log out');
    await visitor.fill({ 'E-mail address': person.email, Password: person.password });
    await visitor.press('Log in');
    await visitor.see('One more step');
    await visitor.press('Use a passkey');
    await visitor.see(person.email);

    await page.getByRole('link', { name: 'Account' }).click();
    await visitor.press('Rename This laptop');
    await visitor.fill({ Name: 'The old laptop' });
    await page.keyboard.press('Enter');
    await visitor.see('The old laptop');
    await site.backends.rows(
      `UPDATE sessions SET confirmed_at = now() - interval '1 hour' WHERE user_id = $1`,
      [person.id],
    );
    await site.backends.settled();
    await visitor.press('Remove The old laptop');
    await dialog(visitor).getByRole('button', { name: 'Remove' }).click();
    await visitor.see('Confirm that it is you');
    await visitor.press('Use a passkey');
    await visitor.page.getByText('The old laptop').first().waitFor({ state: 'detached' });
  });
});

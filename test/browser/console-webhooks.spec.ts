import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsoleSite, SITE_START_TIMEOUT_MS } from '../support/browser/console-site.js';
import { dialog } from '../support/browser/on-page.js';
import { Receiver, isSignedBy } from '../support/webhooks.js';

describe('webhooks in the console', () => {
  let receiver: Receiver;
  let site: ConsoleSite;

  beforeAll(async () => {
    receiver = await Receiver.start();
    site = await ConsoleSite.start({ INSTANCE_HOST_ALLOWLIST: receiver.server.host });
  }, SITE_START_TIMEOUT_MS);
  afterEach(() => site.expectCleanVisits());
  afterAll(async () => {
    await site.close();
    await receiver.close();
  }, 120_000);

  it('are made, tested, listed with what was delivered, sent again, given a new secret, paused and deleted', async () => {
    const visitor = await site.logIn(await site.person());
    const { page } = visitor;
    await page.getByRole('link', { name: 'Webhooks' }).click();
    await visitor.see('No webhooks yet.');
    expect(await visitor.axe()).toEqual([]);
    await visitor.press('Make a webhook');
    await visitor.fill({ Address: 'nonsense' });
    await visitor.press('Make webhook');
    await visitor.see('Address must be an address such as https://example.org/hooks');
    await visitor.see('Choose at least one');
    await visitor.fill({ Address: 'https://127.0.0.1/' });
    await page.getByLabel('A connection breaks').check();
    expect(await visitor.axe()).toEqual([]);
    await visitor.press('Make webhook');
    await visitor.see(/must be https, on port 443 of a public host/);
    await visitor.fill({ Address: receiver.url });
    await visitor.press('Make webhook');
    await visitor.see('This is the only time that it is shown.');
    const secretOf = async (): Promise<string> => {
      const secret = await page.getByLabel('Secret', { exact: true }).inputValue();
      site.backends.secrets.add(secret.slice('whsec_'.length));
      return secret;
    };
    const first = await secretOf();
    await visitor.press('Done');

    const choose = async (item: string): Promise<void> => {
      await page.getByText('More actions for').click();
      await page.getByRole('button', { name: `${item} ${receiver.url}`, exact: true }).click();
    };
    receiver.answerWith(200, '<b>thanks</b>');
    await choose('Send a test');
    await visitor.see('A test is on its way.');
    const [test] = await receiver.received(1);
    expect(test !== undefined && isSignedBy(first, test)).toBe(true);
    await page.getByRole('button', { name: /^Deliveries/ }).click();
    await visitor.see('Delivered');
    await visitor.see(/answered 200/);
    await page.getByText('Answer', { exact: true }).click();
    await visitor.see('<b>thanks</b>');
    expect(await visitor.axe()).toEqual([]);
    await dialog(visitor)
      .getByRole('button', { name: /^Send again/ })
      .click();
    await receiver.received(2);
    await visitor.press('Close');

    await choose('New secret');
    await visitor.press('Make a new secret');
    await visitor.see('This is the only time that it is shown.');
    expect(await secretOf()).not.toBe(first);
    await visitor.press('Done');
    await choose('Pause');
    await visitor.see('Paused');
    await choose('Delete');
    await dialog(visitor).getByRole('button', { name: 'Delete' }).click();
    await visitor.see('No webhooks yet.');
  });
});

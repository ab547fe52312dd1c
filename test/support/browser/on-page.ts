import type { Locator } from 'playwright-core';
import type { Visitor } from './browser.js';

/** The card of a connection. */
export function card({ page }: Visitor, name: string): Locator {
  return page.getByRole('article', { name, exact: true });
}

/** Chooses an action of a connection from the menu of its card. */
export async function choose(visitor: Visitor, name: string, action: string): Promise<void> {
  await card(visitor, name).getByText('More', { exact: false }).click();
  await card(visitor, name)
    .getByRole('button', { name: `${action} ${name}`, exact: true })
    .click();
}

export function dialog({ page }: Visitor): Locator {
  return page.getByRole('dialog');
}

/** The text of what has the focus. */
export function focused({ page }: Visitor): Promise<string> {
  return page.evaluate<string>('document.activeElement.textContent.trim()');
}

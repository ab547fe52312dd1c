import type { Locator } from 'playwright-core';
import type { Visitor } from './browser.js';

/** The card of a connection. */
export function card({ page }: Visitor, name: string): Locator {
  return page.getByRole('article', { name, exact: true });
}

export function dialog({ page }: Visitor): Locator {
  return page.getByRole('dialog');
}

/** The text of what has the focus. */
export function focused({ page }: Visitor): Promise<string> {
  return page.evaluate<string>('document.activeElement.textContent.trim()');
}

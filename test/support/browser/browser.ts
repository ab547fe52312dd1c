import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { type Browser, type BrowserContext, type Page, chromium } from 'playwright-core';
import { chromiumBinary } from './chromium-binary.js';

const LAUNCH_TIMEOUT_MS = 60_000;
const ACTION_TIMEOUT_MS = 20_000;
const AXE_RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** All that may change with the theme, in which nothing but the colours does. */
const AXE_COLOUR_RULES = ['color-contrast', 'link-in-text-block'];

export interface View {
  readonly width: number;
  readonly height: number;
  readonly theme: 'light' | 'dark';
}

export const WIDE: View = { width: 1280, height: 800, theme: 'light' };
export const NARROW: View = { width: 360, height: 740, theme: 'light' };

/** The caller closes it. Its profile is a temporary folder, which goes with it. */
export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: await chromiumBinary(),
    timeout: LAUNCH_TIMEOUT_MS,
    // For root, who is not allowed a sandbox; and nothing that asks the network on its own.
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // V8's helper threads cost CPU and save no time on busy cores: see jest.config.js.
      '--js-flags=--single-threaded',
    ],
  });
}

/** A window of its own, without anything stored, that remembers what went wrong in it. */
export class Visitor {
  /** What the page wrote to its console as errors or warnings, CSP violations included, and what it threw. */
  readonly complaints: string[] = [];

  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
  ) {}

  static async open(browser: Browser, { width, height, theme }: View = WIDE): Promise<Visitor> {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: theme,
      reducedMotion: 'reduce',
      locale: 'en-GB',
      timezoneId: 'UTC',
    });
    context.setDefaultTimeout(ACTION_TIMEOUT_MS);
    const visitor = new Visitor(context, await context.newPage());
    context.on('weberror', (error) => visitor.complaints.push(String(error.error())));
    context.on('console', (message) => {
      // The browser's own lines about answers that are no success, which the tests cause on purpose.
      const isNetwork = message.text().startsWith('Failed to load resource:');
      if (['error', 'warning'].includes(message.type()) && !isNetwork) {
        visitor.complaints.push(message.text());
      }
    });
    return visitor;
  }

  /** Another tab of the same window; it goes with this one. */
  async tab(url: string): Promise<Visitor> {
    const visitor = new Visitor(this.context, await this.context.newPage());
    await visitor.page.goto(url);
    return visitor;
  }

  /** What the browser tells a page whose tab is put behind another one, and in front again; without a screen it does not. */
  async setHidden(hidden: boolean): Promise<void> {
    await this.page.evaluate(
      `Object.defineProperty(document, 'hidden', { configurable: true, get: () => ${hidden} });
       document.dispatchEvent(new Event('visibilitychange'))`,
    );
  }

  async look({ width, height, theme }: View): Promise<void> {
    await this.page.setViewportSize({ width, height });
    await this.page.emulateMedia({ colorScheme: theme });
  }

  /** Waits until the text is to be seen. */
  async see(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }

  async press(name: string | RegExp): Promise<void> {
    await this.page.getByRole('button', { name }).click();
  }

  async fill(fields: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, value] of Object.entries(fields)) {
      await this.page.getByLabel(label, { exact: true }).fill(value);
    }
  }

  /** On the log-in page; returns on the one after it. */
  async logIn({ email, password }: { readonly email: string; readonly password: string }): Promise<void> {
    await this.fill({ 'E-mail address': email, Password: password });
    await this.press('Log in');
    await this.page.getByRole('heading', { name: 'Platforms' }).waitFor();
  }

  /** Logs in through the API. The session is in a cookie, where the page finds it. */
  async signIn(
    url: string,
    { email, password }: { readonly email: string; readonly password: string },
  ): Promise<void> {
    const headers = { 'Session-Cookie': 'true', 'Sec-Fetch-Site': 'same-origin' };
    const answer = await this.context.request.post(new URL('/v1/auth/login', url).href, {
      data: { email, password },
      headers,
    });
    if (!answer.ok()) throw new Error(`login answered ${answer.status()}: ${await answer.text()}`);
    await this.page.goto(url);
    await this.page.getByRole('heading', { name: 'Platforms' }).waitFor();
  }

  /** The violations of the page as it is, in words. */
  async axe({ coloursOnly = false } = {}): Promise<string[]> {
    if (!(await this.page.evaluate<boolean>(`'axe' in window`))) await this.page.evaluate(await axeSource());
    const rules = coloursOnly ? AXE_COLOUR_RULES : AXE_RULES;
    return this.page.evaluate<string[]>(
      `axe.run(document, { runOnly: ${JSON.stringify(rules)} }).then(({ violations }) =>
         violations.flatMap(({ id, nodes }) => nodes.map((node) => id + ': ' + node.html + ' ' + node.failureSummary)))`,
    );
  }

  /** The names of everything that would outlive the page. */
  async stored(): Promise<string[]> {
    const inPage = await this.page.evaluate<string[]>(
      `(async () => [
        ...Object.keys(localStorage),
        ...Object.keys(sessionStorage),
        ...(await indexedDB.databases()).map(({ name }) => name),
        ...(await caches.keys()),
      ])()`,
    );
    const cookies = await this.context.cookies();
    return [...inPage, ...cookies.map(({ name }) => name)];
  }

  async close(): Promise<void> {
    await this.context.close();
  }
}

let axe: Promise<string> | undefined;

function axeSource(): Promise<string> {
  axe ??= readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  return axe;
}

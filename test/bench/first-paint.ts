import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser/browser.js';
import type { ApiProcess } from '../support/servers/api-process.js';
import { type Section, milliseconds } from './report.js';
import { type Spread, spread } from './statistics.js';

/** Lighthouse's "slow 4G" as DevTools applies it: 1.6 Mbit/s down, 750 kbit/s up, and a processor four times slower. */
const NETWORK = { offline: false, latency: 150, downloadThroughput: 200_000, uploadThroughput: 93_750 };
const CPU_SLOWDOWN = 4;
const GOAL_MS = 1000;

interface Paint {
  readonly firstMs: number;
  /** Of the log-in form, when the script has run. */
  readonly formMs: number;
  readonly kilobytes: number;
}

/** How long the console takes to show something on a slow phone, with nothing cached. */
export async function firstPaint(ours: ApiProcess, rounds: number): Promise<Section> {
  const browser = await launchBrowser();
  try {
    const paints: Paint[] = [];
    for (let round = 0; round < rounds; round++) paints.push(await paintOnce(browser, ours.baseUrl));
    const of = (what: keyof Paint): Spread => spread(paints.map((paint) => paint[what]));
    const [first, form, size] = [of('firstMs'), of('formMs'), of('kilobytes')];
    return {
      measures: [
        {
          what: 'first paint of the console on slow 4G, in seconds',
          value: inSeconds(first),
          goal: { atMost: GOAL_MS / 1000 },
        },
      ],
      lines: [
        `console, slow 4G and a processor ${CPU_SLOWDOWN} times slower, nothing cached: first contentful paint ` +
          `${milliseconds(first.median)} (${milliseconds(first.lowest)} to ${milliseconds(first.highest)}), log-in form ` +
          `${milliseconds(form.median)}, ${size.median.toFixed(0)} kB over the wire`,
      ],
      figures: paints,
    };
  } finally {
    await browser.close();
  }
}

async function paintOnce(browser: Browser, baseUrl: string): Promise<Paint> {
  const context = await browser.newContext({ viewport: { width: 360, height: 740 } });
  try {
    const page = await context.newPage();
    const devTools = await context.newCDPSession(page);
    await devTools.send('Network.enable');
    await devTools.send('Network.emulateNetworkConditions', NETWORK);
    await devTools.send('Emulation.setCPUThrottlingRate', { rate: CPU_SLOWDOWN });
    await page.goto(`${baseUrl}/console/`);
    await page.getByRole('button', { name: 'Log in' }).waitFor();
    return await page.evaluate<Paint>(
      `new Promise((done) => {
        const formMs = performance.now();
        const report = ([first]) => done({
          firstMs: first.startTime,
          formMs,
          kilobytes: performance.getEntries().reduce((sum, { transferSize = 0 }) => sum + transferSize, 0) / 1000,
        });
        new PerformanceObserver((list, observer) => {
          const paints = list.getEntriesByName('first-contentful-paint');
          if (paints.length > 0) { observer.disconnect(); report(paints); }
        }).observe({ type: 'paint', buffered: true });
      })`,
    );
  } finally {
    await context.close();
  }
}

function inSeconds({ median, lowest, highest }: Spread): Spread {
  return { median: median / 1000, lowest: lowest / 1000, highest: highest / 1000 };
}

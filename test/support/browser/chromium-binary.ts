import { canInstall, findOnPath, install } from '../servers/debian-packages.js';

/** Without a screen it takes half the CPU of the whole browser. */
const HEADLESS = 'chromium-headless-shell';
const NAMES = [HEADLESS, 'chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** CHROMIUM_PATH, else what is on PATH, else, as root on Debian, what apt-get installs. */
export async function chromiumBinary(): Promise<string> {
  const given = process.env.CHROMIUM_PATH;
  if (given) return given;
  if (find() === undefined && canInstall()) await install([HEADLESS]);
  const found = find();
  if (found !== undefined) return found;
  throw new Error(
    `The browser tests need Chromium. Install it (Debian: apt-get install ${HEADLESS}), or set CHROMIUM_PATH to one.`,
  );
}

function find(): string | undefined {
  return NAMES.map(findOnPath).find((path) => path !== undefined);
}

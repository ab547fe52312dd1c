/** The first that matches counts: most browsers also name those that they descend from. */
const BROWSERS: readonly (readonly [RegExp, string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bVivaldi\//, 'Vivaldi'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
];
const SYSTEMS: readonly (readonly [RegExp, string])[] = [
  [/\biPhone\b/, 'iPhone'],
  [/\biPad\b/, 'iPad'],
  [/\bAndroid\b/, 'Android'],
  [/\bWindows\b/, 'Windows'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
];
/** A longer header is cut: no browser sends one, and each pattern reads to its end. */
const EXAMINED_CHARACTERS = 400;
const MAX_CHARACTERS = 60;

/**
 * A short name for people, such as "Firefox on Windows", or "curl" for a program. It is what the client says of itself, so
 * nothing may depend on it. Without versions: after an update it is still the same device.
 *
 * @returns '' for a client that says nothing that can be shown.
 */
export function deviceName(userAgent: string): string {
  const examined = userAgent.slice(0, EXAMINED_CHARACTERS);
  const browser = nameIn(BROWSERS, examined);
  const system = nameIn(SYSTEMS, examined);
  if (browser !== undefined) return system === undefined ? browser : `${browser} on ${system}`;
  // RFC 9110, section 10.1.5: the product that matters most comes first.
  const product = /^[\w.-]+/.exec(examined)?.[0] ?? '';
  return product.slice(0, MAX_CHARACTERS);
}

function nameIn(names: typeof BROWSERS, userAgent: string): string | undefined {
  return names.find(([pattern]) => pattern.test(userAgent))?.[1];
}

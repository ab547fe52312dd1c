import type { Platform } from '../api/client.js';

type Labels = Platform['labels'];

/** One on a line, as people type them. */
export function labelsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n');
}

/** What was typed, with a colon or an equals sign after each key. Whether it may be so is for the server to say. */
export function labelsIn(text: string): Labels {
  return Object.fromEntries(
    text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .map((line) => {
        const at = line.search(/[:=]/);
        return at === -1 ? [line, ''] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
      }),
  );
}

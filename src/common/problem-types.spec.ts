import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { PROBLEM_TYPES } from './problem-types.js';

const SRC = fileURLToPath(new URL('..', import.meta.url));
const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts') && !file.endsWith('problem-types.ts'))
  .map((file) => readFileSync(`${SRC}/${file}`, 'utf8'));

describe('the table of problems', () => {
  it.each(Object.keys(PROBLEM_TYPES))('lists %s because some code answers it', (code) => {
    expect(sources.some((source) => source.includes(`'${code}'`))).toBe(true);
  });

  it('has the status and the title of each error class', () => {
    const declared = sources.flatMap((source) => [
      ...source.matchAll(/problem\(\s*(\d{3}),\s*'(\w+)',\s*(?:'([^']+)'|"([^"]+)"),?\s*\)/g),
    ]);
    expect(declared.length).toBeGreaterThan(20);
    for (const [, status, code, single, double] of declared) {
      const { [code as keyof typeof PROBLEM_TYPES]: type } = PROBLEM_TYPES;
      expect({ code, status: type.status, title: type.title }).toEqual({
        code,
        status: Number(status),
        title: single ?? double,
      });
    }
  });
});

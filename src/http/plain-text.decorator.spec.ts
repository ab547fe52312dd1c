import { describe, expect, it } from '@jest/globals';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { IsCredential, IsExactText, IsPlainText } from './plain-text.decorator.js';

class Fields {
  @IsPlainText()
  text: unknown = 'text';

  @IsExactText()
  exact: unknown = 'exact';

  @IsCredential()
  credential: unknown = 'credential';
}

const faults = (given: Partial<Fields>): string[] =>
  validateSync(plainToInstance(Fields, given)).flatMap(({ constraints }) => Object.values(constraints ?? {}));

describe('IsPlainText', () => {
  it('gives the text its normal form', () => {
    expect(plainToInstance(Fields, { text: ' Cafe\u0301 ' })).toMatchObject({ text: 'Caf\u00e9' });
  });

  it.each(['\u200b', '\u200e\u200f', ' \u2060'])('refuses %j, of which nothing is seen', (text) => {
    expect(faults({ text })).toEqual(['text must have a visible character']);
  });

  it.each(['', 'a name', 'Ünïcödé', '日本語', '🐘', '👩‍👩‍👧', 'עברית', '<b>&"\'', 'a  b'])('takes %j', (text) => {
    expect(faults({ text })).toEqual([]);
  });

  it.each([
    ['a NUL, which PostgreSQL cannot store', 'a\0b'],
    ['a line feed, which would forge a log line', 'a\nb'],
    ['a carriage return', 'a\rb'],
    ['a tab', 'a\tb'],
    ['an escape sequence', '\u001b[31m'],
    ['a delete', 'a\u007f'],
    ['half of a surrogate pair, first', '\ud83d'],
    ['half of a surrogate pair, last', '\udc18'],
    ['a number', 7],
    ['a list', ['text']],
    ['null', null],
    ['undefined', undefined],
  ])('refuses %s', (_, text) => {
    expect(faults({ text })).toEqual(['text must be text without control characters']);
  });
});

describe('IsExactText', () => {
  it('takes the text as it is', () => {
    expect(plainToInstance(Fields, { exact: ' Cafe\u0301\u200b ' })).toMatchObject({
      exact: ' Cafe\u0301\u200b ',
    });
    expect(faults({ exact: ' ' })).toEqual([]);
  });

  it.each(['a\0b', 'a\n', '\t', '\ud83d', 7, null, undefined])('refuses %j', (exact) => {
    expect(faults({ exact })).toEqual(['exact must be text without control characters']);
  });
});

describe('IsCredential', () => {
  it.each(['', 'AbC123', '!#$%&()*+,-./:;<=>?@[]^_`{|}~"\'\\'])('takes %j', (credential) => {
    expect(faults({ credential })).toEqual([]);
  });

  it.each([
    ['a space', 'a b'],
    ['a line feed, which would forge a header', 'token\nX-Injected: 1'],
    ['a line feed at the end', 'token\n'],
    ['a NUL', 'a\0'],
    ['a delete', 'a\u007f'],
    ['a letter beyond ASCII', 'tökën'],
    ['a zero-width space', 'to\u200bken'],
    ['a number', 7],
    ['a list', ['token']],
    ['null', null],
  ])('refuses %s, and does not repeat it', (_, credential) => {
    expect(faults({ credential })).toEqual(['credential must be visible ASCII characters without spaces']);
  });
});

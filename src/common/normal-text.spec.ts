import { describe, expect, it } from '@jest/globals';
import { isVisible, normalEmail, normalText, opaqueString } from './normal-text.js';

const NFC = 'Caf\u00e9';
const NFD = 'Cafe\u0301';

describe('normalText', () => {
  it('gives the two forms of a letter one', () => {
    expect(normalText(NFD)).toBe(NFC);
  });

  it.each([' Café', 'Café ', '\u00a0Café\u3000', '\ufeffCafé\t\n'])('takes the space off %j', (text) => {
    expect(normalText(text)).toBe(NFC);
  });

  it('leaves compatibility characters, case and inner space alone', () => {
    expect(normalText('ﬁ  Ａ ²')).toBe('ﬁ  Ａ ²');
  });
});

describe('normalEmail', () => {
  it('also ignores case, of composed letters too', () => {
    expect(normalEmail(` JOSE\u0301@Example.org `)).toBe('jos\u00e9@example.org');
  });
});

describe('isVisible', () => {
  it.each([
    ['a zero-width space', '\u200b'],
    ['joiners', '\u200c\u200d\u2060'],
    ['direction marks', '\u200e\u200f\u202a\u202c\u2066\u2069\u061c'],
    ['a byte order mark', '\ufeff'],
    ['a soft hyphen', '\u00ad'],
    ['a variation selector', '\ufe0f'],
    ['Hangul fillers', '\u3164\u115f\uffa0'],
    ['an empty Braille pattern', '\u2800'],
    ['tags', '\u{e0041}'],
    ['spaces between them', '\u200b \u00a0\u200b'],
    ['nothing', ''],
  ])('does not see %s', (_, text) => {
    expect(isVisible(text)).toBe(false);
  });

  it.each(['a', '.', '🐘', '❤️', '\u200fעברית', '\u200ba', '⠃', '\u0301'])('sees %j', (text) => {
    expect(isVisible(text)).toBe(true);
  });
});

describe('opaqueString', () => {
  it.each([
    // The examples of RFC 8265, section 4.2.3.
    ['ASCII', 'correct horse battery staple', 'correct horse battery staple'],
    ['upper case, which differs', 'Correct Horse Battery Staple', 'Correct Horse Battery Staple'],
    ['letters beyond ASCII', 'πßå', 'πßå'],
    ['symbols', 'Jack of ♦s', 'Jack of ♦s'],
    ['an Ogham space', 'foo\u1680bar', 'foo bar'],
    // And ours.
    ['two forms of a letter', NFD, NFC],
    ['space around it', ' x\u00a0', ' x '],
    ['emoji', '👩‍👩‍👧❤️', '👩‍👩‍👧❤️'],
  ])('maps %s', (_, password, prepared) => {
    expect(opaqueString(password)).toBe(prepared);
    expect(opaqueString(prepared)).toBe(prepared);
  });
});

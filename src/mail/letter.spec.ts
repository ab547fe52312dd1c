import { expect, it } from '@jest/globals';
import { letterOf } from './letter.js';

it('escapes whatever is in a letter for HTML, and leaves the plain text as it is', () => {
  const hostile = `<b>"Ada" & 'co'</b>`;
  const { text, html } = letterOf({
    ...{ to: 'a@example.org', subject: hostile, before: [hostile], after: [hostile] },
    link: { label: hostile, url: 'https://a.example/?a=1&b="2"' },
  });
  expect(text).toContain(hostile);
  expect(html).not.toContain('<b>');
  expect(html).toContain('href="https://a.example/?a=1&amp;b=&quot;2&quot;"');
});

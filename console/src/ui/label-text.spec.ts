import { expect, it } from '@jest/globals';
import { labelsIn, labelsText } from './label-text.js';

it('reads back what it writes, and takes an equals sign too', () => {
  const labels = { customer: 'acme', url: 'https://a.example/?b=c' };
  expect(labelsIn(labelsText(labels))).toEqual(labels);
  expect(labelsIn(' env = live \n\ncustomer:\n')).toEqual({ env: 'live', customer: '' });
  expect(labelsIn('just a word')).toEqual({ 'just a word': '' });
});

import { expect, it } from '@jest/globals';
import { RecentErrors } from './recent-errors.js';

it('keeps the last twenty, the latest first, each cut to 500 characters', () => {
  const errors = new RecentErrors();
  for (let n = 1; n <= 30; n++) errors.add('warn', `number ${n}`, n % 2 === 0 ? 'Mail' : undefined);
  errors.add('error', 'x'.repeat(600), 'Checks');
  const kept = errors.list();
  expect(kept).toHaveLength(20);
  expect(kept[0]).toMatchObject({ level: 'error', context: 'Checks', message: 'x'.repeat(500) });
  expect(kept[1]).toMatchObject({ message: 'number 30', context: 'Mail' });
  expect(kept[2]).toMatchObject({ message: 'number 29', context: '' });
});

import { describe, expect, it } from '@jest/globals';
import { IsInt, IsString, Length } from 'class-validator';
import { InvalidField } from '../common/domain-error.js';
import { BatchPipe } from './batch.pipe.js';

class Item {
  @IsString()
  @Length(1, 5, { message: 'name must have 1 to 5 characters' })
  name!: string;

  @IsInt({ message: 'count must be a whole number' })
  count!: number;
}

const pipe = new BatchPipe(Item, 100);
const good = { name: 'good', count: 1 };

async function problemsOf(body: unknown): Promise<InvalidField['errors']> {
  const error = await pipe.transform(body).catch((thrown: unknown) => thrown);
  if (error instanceof InvalidField) return error.errors;
  throw new Error('The body was not refused.', { cause: error });
}

describe('BatchPipe', () => {
  it('makes instances of all items, in their order', async () => {
    const items = await pipe.transform([good, { name: 'other', count: 2 }]);
    expect(items.map(({ name }) => name)).toEqual(['good', 'other']);
    expect(items.every((item) => item instanceof Item)).toBe(true);
  });

  it('takes as many as are allowed, and no more', async () => {
    await expect(pipe.transform(Array(100).fill(good))).resolves.toHaveLength(100);
    expect(await problemsOf(Array(101).fill(good))).toEqual([
      { pointer: '', detail: 'must be an array of 1 to 100 items' },
    ]);
  });

  it.each([[[]], [{}], [{ length: 1, 0: good }], [good], ['text'], [null], [undefined], [7]])(
    'refuses what is no array or an empty one: %p',
    async (body) => {
      expect(await problemsOf(body)).toEqual([{ pointer: '', detail: 'must be an array of 1 to 100 items' }]);
    },
  );

  it('points into the array: to an item that is no object, to a field, to an unknown field', async () => {
    const body = [good, null, [good], 'text', { name: '', count: 1 }, { ...good, more: true }];
    expect(await problemsOf(body)).toEqual([
      { pointer: '/1', detail: 'must be an object' },
      { pointer: '/2', detail: 'must be an object' },
      { pointer: '/3', detail: 'must be an object' },
      { pointer: '/4/name', detail: 'name must have 1 to 5 characters' },
      { pointer: '/5/more', detail: 'is not a known field' },
    ]);
  });

  it('takes nothing when one item is faulty', async () => {
    expect(await problemsOf([good, good, { name: 'good' }])).toEqual([
      { pointer: '/2/count', detail: 'count is required' },
    ]);
  });

  it('reports 20 faults at most', async () => {
    expect(await problemsOf(Array(100).fill({ name: '', count: 'x' }))).toHaveLength(20);
  });

  it('repeats no value, which may be a secret', async () => {
    expect(JSON.stringify(await problemsOf([{ name: 'hunter2-secret', count: 'hunter2' }]))).not.toContain(
      'hunter2',
    );
  });
});

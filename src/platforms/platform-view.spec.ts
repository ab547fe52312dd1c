import { describe, expect, it } from '@jest/globals';
import { etagOf, inListOrder } from './platform-view.js';

const platform = (id: number, name: string, isDefault = false) => ({ id, name, isDefault });
const namesOf = (platforms: { name: string }[]): string[] => platforms.map(({ name }) => name);

describe('inListOrder', () => {
  it('puts the default first, whatever its name, and the others by name', () => {
    const platforms = [platform(1, 'b'), platform(2, 'z', true), platform(3, 'a')];
    expect(namesOf(inListOrder(platforms))).toEqual(['z', 'a', 'b']);
  });

  it('sorts as people do: case and accents do not send a name to the end', () => {
    const platforms = ['zebra', 'Émile', 'apple', 'Zulu', 'eve', 'Banana'].map((name, id) =>
      platform(id, name),
    );
    expect(namesOf(inListOrder(platforms))).toEqual(['apple', 'Banana', 'Émile', 'eve', 'zebra', 'Zulu']);
  });

  it('sorts equal names by id, so that the order never depends on the database', () => {
    const platforms = [platform(3, 'same'), platform(1, 'same'), platform(2, 'same')];
    expect(inListOrder(platforms).map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(inListOrder([...platforms].reverse()).map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  it('leaves what it was given as it was', () => {
    const platforms = Object.freeze([platform(2, 'b'), platform(1, 'a')]);
    inListOrder(platforms);
    expect(namesOf([...platforms])).toEqual(['b', 'a']);
    expect(inListOrder([])).toEqual([]);
  });
});

describe('etagOf', () => {
  it('is the version in quotes: a strong entity tag', () => {
    expect(etagOf({ version: 3 })).toBe('"3"');
  });
});

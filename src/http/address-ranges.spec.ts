import { describe, expect, it } from '@jest/globals';
import { AddressRanges, canonicalRange } from './address-ranges.js';

describe('canonicalRange', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['203.0.113.7/24', '203.0.113.0/24'],
    ['203.0.113.255/31', '203.0.113.254/31'],
    ['255.255.255.255/1', '128.0.0.0/1'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1/128', '2001:db8::1'],
    ['2001:db8:ffff:ffff::1/33', '2001:db8:8000::/33'],
    ['::1', '::1'],
    ['::', '::'],
    ['::1/0', '::/0'],
    ['1::2:0:0:3', '1::2:0:0:3'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['::ffff:203.0.113.7/120', '203.0.113.0/24'],
    ['::ffff:203.0.113.7/96', '0.0.0.0/0'],
    ['::ffff:203.0.113.7/95', '::fffe:0:0/95'],
  ])('writes %s as %s, and that as itself', (text, canonical) => {
    expect(canonicalRange(text)).toBe(canonical);
    expect(canonicalRange(canonical)).toBe(canonical);
  });

  it.each([
    ...[
      '',
      '/',
      '/24',
      '203.0.113.7/',
      '203.0.113.7/33',
      '203.0.113.7/-1',
      '203.0.113.7/08',
      '203.0.113.7/1e1',
    ],
    ...[
      '203.0.113',
      '203.0.113.07',
      '0x7f.1',
      '2130706433',
      ' 203.0.113.7',
      '203.0.113.7 ',
      '203.0.113.7/24/24',
    ],
    ...[
      '203.0.113.0/255.255.255.0',
      'localhost',
      'loopback',
      '2001:db8::/129',
      'fe80::1%eth0',
      '[::1]',
      '1::2::3',
    ],
  ])('refuses %j', (text) => {
    expect(canonicalRange(text)).toBeNull();
  });
});

describe('AddressRanges', () => {
  const ranges = new AddressRanges(['203.0.113.0/24', '198.51.100.7', '2001:db8:1::/48', '2001:db8:2::1']);

  it.each([
    ['203.0.113.0', true],
    ['203.0.113.255', true],
    ['203.0.114.0', false],
    ['198.51.100.7', true],
    ['198.51.100.8', false],
    ['::ffff:203.0.113.9', true],
    ['::FFFF:cb00:7109', true],
    ['::ffff:203.0.114.9', false],
    ['::203.0.113.9', false],
    ['2001:db8:1:2:3:4:5:6', true],
    ['2001:0DB8:0001::', true],
    ['2001:db8:2::1', true],
    ['2001:db8:2::1%eth0', true],
    ['2001:db8:2::2', false],
    ['', false],
    ['unknown', false],
    ['203.0.113.0/24', false],
  ])('has %j: %s', (address, has) => {
    expect(ranges.has(address)).toBe(has);
  });

  it('keeps the families apart: all of one has nothing of the other', () => {
    const [ipv4, ipv6] = [new AddressRanges(['0.0.0.0/0']), new AddressRanges(['::/0'])];
    expect([ipv4.has('203.0.113.7'), ipv4.has('::ffff:203.0.113.7'), ipv4.has('2001:db8::1')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([ipv6.has('203.0.113.7'), ipv6.has('::ffff:203.0.113.7'), ipv6.has('2001:db8::1')]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('has nothing without ranges, and is not made of a bad one', () => {
    expect(new AddressRanges([]).has('203.0.113.7')).toBe(false);
    expect(() => new AddressRanges(['203.0.113.0/24', 'anywhere'])).toThrow();
  });
});

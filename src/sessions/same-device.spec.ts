import { expect, it } from '@jest/globals';
import { isSameDevice } from './same-device.js';

const firefox = (address: string) => ({ device: 'Firefox on Linux', address });

it.each([
  ['192.0.2.7', '192.0.2.7', true],
  ['192.0.2.7', '192.0.77.1', true],
  ['192.0.2.7', '198.51.100.7', false],
  ['2001:db8::1', '2001:db8:ffff::1', true],
  ['2001:db8::1', '2001:db9::1', false],
  ['::ffff:192.0.2.7', '192.0.2.7', false],
  ['fe80::1%eth0', 'fe80::2%eth1', true],
  ['', '', true],
  ['', '192.0.2.7', false],
])('takes %j and %j for the same network: %s', (one, other, same) => {
  expect(isSameDevice(firefox(one), firefox(other))).toBe(same);
});

it('takes another program at the same address for another device', () => {
  const address = '192.0.2.7';
  expect(isSameDevice(firefox(address), { device: 'curl', address })).toBe(false);
});

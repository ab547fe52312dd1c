import { describe, expect, it } from '@jest/globals';
import { deviceName } from './device-name.js';

const MOZILLA = 'Mozilla/5.0';
const WEBKIT = 'AppleWebKit/537.36 (KHTML, like Gecko)';

describe('deviceName', () => {
  it.each([
    [`${MOZILLA} (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0`, 'Firefox on Windows'],
    [`${MOZILLA} (X11; Linux x86_64) ${WEBKIT} Chrome/143.0.0.0 Safari/537.36`, 'Chrome on Linux'],
    [
      `${MOZILLA} (Windows NT 10.0) ${WEBKIT} Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0`,
      'Edge on Windows',
    ],
    [`${MOZILLA} (X11; Linux x86_64) ${WEBKIT} Chrome/143.0.0.0 Safari/537.36 OPR/127.0`, 'Opera on Linux'],
    [
      `${MOZILLA} (Linux; Android 10; K) ${WEBKIT} Chrome/143.0.0.0 Mobile Safari/537.36`,
      'Chrome on Android',
    ],
    [
      `${MOZILLA} (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/26.1 Safari/605.1.15`,
      'Safari on macOS',
    ],
    [
      `${MOZILLA} (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 CriOS/143.0 Mobile/15E148 Safari/604.1`,
      'Chrome on iPhone',
    ],
    ['curl/8.14.1', 'curl'],
    ['python-requests/2.32 (Linux)', 'python-requests'],
    ['', ''],
    ['<script>alert(1)</script>', ''],
    ['\u202eexe.tpircs', ''],
  ])('names %j', (userAgent, name) => {
    expect(deviceName(userAgent)).toBe(name);
  });

  it('keeps a name within its column, and does not read a long header to its end', () => {
    expect(deviceName('x'.repeat(16_000))).toHaveLength(60);
    expect(deviceName(`${' '.repeat(16_000)}Firefox/1`)).toBe('');
  });
});

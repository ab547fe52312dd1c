import { describe, expect, it } from '@jest/globals';
import { InvalidInstanceUrl, canonicalInstanceUrl } from './instance-url.js';

const allowListed =
  (...hosts: string[]) =>
  (host: string): boolean =>
    hosts.includes(host);

const refusal = (input: string, allow?: (host: string) => boolean): string => {
  try {
    canonicalInstanceUrl(input, allow);
  } catch (error) {
    if (error instanceof InvalidInstanceUrl) return error.detail;
    throw error;
  }
  throw new Error(`"${input}" was not refused.`);
};

describe('canonicalInstanceUrl', () => {
  it.each([
    ['https://mastodon.social', 'https://mastodon.social'],
    ['https://mastodon.social/', 'https://mastodon.social'],
    ['Mastodon.Social/', 'https://mastodon.social'],
    ['HTTPS://MASTODON.SOCIAL', 'https://mastodon.social'],
    ['mastodon.social:443', 'https://mastodon.social'],
    ['https://mastodon.social:8443/', 'https://mastodon.social:8443'],
    ['mastodon.social:8443', 'https://mastodon.social:8443'],
    ['https://mastodon.social:80', 'https://mastodon.social:80'],
    ['https://mastodon.social:', 'https://mastodon.social'],
    ['bücher.example', 'https://xn--bcher-kva.example'],
    ['https://BÜCHER.example', 'https://xn--bcher-kva.example'],
    ['https://xn--bcher-kva.example', 'https://xn--bcher-kva.example'],
    ['mastodon。social', 'https://mastodon.social'],
    ['https://203.0.113.7', 'https://203.0.113.7'],
  ])('normalises %s to %s, which stays the same', (input, canonical) => {
    expect(canonicalInstanceUrl(input)).toBe(canonical);
    expect(canonicalInstanceUrl(canonical)).toBe(canonical);
  });

  it.each([
    ['http://localhost:3000/', 'localhost:3000', 'http://localhost:3000'],
    ['http://LOCALHOST:80', 'localhost', 'http://localhost'],
    ['http://mastodon.test', 'mastodon.test', 'http://mastodon.test'],
    ['https://localhost:3000', 'localhost:3000', 'https://localhost:3000'],
    ['localhost:3000', 'localhost:3000', 'https://localhost:3000'],
    ['http://gotosocial_1:8080', 'gotosocial_1:8080', 'http://gotosocial_1:8080'],
    ['http://[::1]:3000', '[::1]:3000', 'http://[::1]:3000'],
  ])('keeps %s when %s is allow-listed', (input, host, canonical) => {
    expect(canonicalInstanceUrl(input, allowListed(host))).toBe(canonical);
  });

  it('refuses http, and a host without a dot, when only another port of the host is allow-listed', () => {
    expect(refusal('http://mastodon.test:3001', allowListed('mastodon.test:3000'))).toMatch(/with https/);
    expect(refusal('https://localhost', allowListed('localhost:3000'))).toMatch(/full host name/);
  });

  it.each([
    ['http://mastodon.social', /with https/],
    ['ftp://mastodon.social', /begins with https/],
    ['javascript://mastodon.social', /begins with https/],
    ['javascript:alert(1)', /not valid/],
    ['https:mastodon.social', /not valid/],
    ['', /Enter the server's address, such as/],
    ['/', /Enter the server's address, such as/],
    ['https://', /Enter the server's address, such as/],
    ['https:///mastodon.social', /Enter the server's address, such as/],
    ['//mastodon.social', /Enter the server's address, such as/],
    ['https://:8080', /not valid/],
    ['https://mastodon.social/@user', /without a path/],
    ['https://mastodon.social//', /without a path/],
    ['https://mastodon.social/.', /without a path/],
    ['https://mastodon.social\\', /without a path/],
    ['https://mastodon.social\\@evil.example', /without a path/],
    ['https://mastodon.social?', /without a query/],
    ['https://mastodon.social/?a=b', /without a query/],
    ['https://mastodon.social#', /without a fragment/],
    ['https://mastodon.social/#a', /without a fragment/],
    ['@user@mastodon.social', /not the handle/],
    ['user@mastodon.social', /not the handle/],
    ['https://user:hunter2@mastodon.social', /without a user name or password/],
    ['https://@mastodon.social', /without a user name or password/],
    ['https://mastodon', /full host name/],
    ['mastodon', /full host name/],
    ['http://localhost:3000', /full host name/],
    ['https://[::1]', /full host name/],
    ['https://[::ffff:10.0.0.1]', /full host name/],
    ['https://mastodon.social.', /dot at its end/],
    ['https://mastodon.social。', /dot at its end/],
    ['https://mastodon..social', /not valid/],
    ['https://.mastodon.social', /not valid/],
    ['https://-mastodon.social', /not valid/],
    ["https://mast'odon.social", /not valid/],
    ['https://mastodon.social:99999', /not valid/],
    ['https://mastodon.social:port', /not valid/],
    ['https://mastodon%2F.social', /not valid/],
    ['https://999.0.0.1', /not valid/],
    [`https://${'a'.repeat(64)}.social`, /not valid/],
    [`https://${'abcdefg.'.repeat(32)}social`, /not valid/],
    [`https://${'a'.repeat(500)}.social`, /at most 500 characters/],
    [' https://mastodon.social', /without spaces/],
    ['https://mastodon.social\n', /without spaces/],
    ['https://mas\ttodon.social', /without spaces/],
    ['https://mastodon.social\0', /without spaces/],
    ['https://masto\u00ADdon.social', /without spaces or invisible/],
    ['https://masto\u200Bdon.social', /without spaces or invisible/],
    ['https://mastodon.social\uD800', /without spaces or invisible/],
  ])('refuses %j and explains it', (input, detail) => {
    expect(refusal(input)).toMatch(detail);
  });

  it('never repeats the input, which may hold a password', () => {
    const detail = refusal('https://user:hunter2@mastodon.social');
    expect(detail).not.toContain('hunter2');
    expect(new InvalidInstanceUrl(detail).message).toBe(detail);
  });
});

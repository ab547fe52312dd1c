import { describe, expect, it } from '@jest/globals';
import { mailSender, smtpTarget } from './mail-target.js';

describe('SMTP_URL', () => {
  it.each([
    ['smtp://mail.example.org', { host: 'mail.example.org', port: 587, tls: 'starttls', login: null }],
    ['smtp://mail.example.org:25?starttls=optional', { port: 25, tls: 'optional' }],
    ['smtp://localhost:25', { port: 25, tls: 'optional' }],
    ['smtps://a%40b:p%2Fw@[2001:db8::1]', { host: '2001:db8::1', port: 465, tls: 'implicit' }],
    ['smtps://a%40b:p%2Fw@mail.example.org', { login: { user: 'a@b', pass: 'p/w' } }],
  ])('%s', (text, target) => {
    expect(smtpTarget.parse(text)).toMatchObject(target);
  });

  it.each([
    'mail.example.org',
    'https://mail.example.org',
    'smtp://',
    'smtp://u:secret@mail.example.org/path',
    'smtp://u:secret@mail.example.org?ignoreTLS=true',
    'smtp://u:secret%@mail.example.org',
  ])('%s is refused, and not quoted', (text) => {
    const { error } = smtpTarget.safeParse(text);
    expect(error?.issues).toHaveLength(1);
    expect(error?.message).not.toContain('secret');
  });
});

describe('MAIL_FROM', () => {
  it.each(['a@example.org', 'Platforms <a@example.org>', 'Ada’s Server <a@example.org>'])('%s', (text) => {
    expect(mailSender.parse(text)).toBe(text);
  });

  it.each(['nobody', 'a@b, c@d', 'X <a@b>\r\nBcc: c@d', 'a@b\nBcc: c@d', '<a@b', 'X\u0000 <a@b>'])(
    '%j is refused',
    (text) => {
      expect(mailSender.safeParse(text).success).toBe(false);
    },
  );
});

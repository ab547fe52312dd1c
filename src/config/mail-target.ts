import { z } from 'zod';

const PORTS: Readonly<Record<string, number>> = { 'smtp:': 587, 'smtps:': 465 };

/** A mail server. */
export interface SmtpTarget {
  readonly host: string;
  readonly port: number;
  /** `implicit` from the first byte, `starttls` before anything else is said, `optional` where the server offers it. */
  readonly tls: 'implicit' | 'starttls' | 'optional';
  readonly login: { readonly user: string; readonly pass: string } | null;
}

/** Never quotes the value: it may hold a password. */
export const smtpTarget = z.string().transform((text, context): SmtpTarget => {
  const refuse = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  const url = URL.canParse(text) ? new URL(text) : null;
  const port = PORTS[url?.protocol ?? ''];
  if (url === null || port === undefined || url.hostname === '')
    return refuse('must be smtp://user:password@host:587 or smtps://user:password@host:465');
  if (!['', '/'].includes(url.pathname) || url.hash !== '')
    return refuse('must not have a path; in a password, / ? and # are written %2F %3F and %23');
  if (!['', '?starttls=optional'].includes(url.search))
    return refuse('must not have parameters other than starttls=optional');
  const optional = url.search !== '' || isThisMachine(url.hostname);
  let login: SmtpTarget['login'];
  try {
    login =
      url.username === ''
        ? null
        : { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  } catch {
    return refuse('has a user or password with a % that must be written %25');
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? port : Number(url.port),
    tls: url.protocol === 'smtps:' ? 'implicit' : optional ? 'optional' : 'starttls',
    login,
  };
});

const isThisMachine = (host: string): boolean => /^(localhost|127\.[\d.]+|\[::1\])$/.test(host);

const ADDRESS = String.raw`[^\s<>@,;:"()\\]{1,64}@[^\s<>@,;:"()\\]{1,255}`;
const SENDER = new RegExp(String.raw`^(?:${ADDRESS}|[^\p{Cc}<>@,;:"()\\]{1,100} <${ADDRESS}>)$`, 'u');

/** An address, or a name with one. No control characters, so it cannot add a header. */
export const mailSender = z
  .string()
  .regex(SENDER, 'must be an address, such as platforms@example.org or Platforms <platforms@example.org>');

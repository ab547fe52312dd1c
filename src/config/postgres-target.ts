import { type ConnectionOptions as TlsOptions } from 'node:tls';
import { parse, toClientConfig } from 'pg-connection-string';
import { z } from 'zod';

/** `prefer` takes TLS if the server has it. `unverified` hides what is said, but not from somebody who plays the server. */
type Tls = 'off' | 'prefer' | 'unverified' | 'verified';

/** A PostgreSQL server, as its URL names it. */
export interface PostgresTarget {
  readonly connection: {
    /** A name or an address, or the folder of a Unix socket. */
    readonly host: string;
    readonly port: number;
    readonly user: string | undefined;
    readonly password: string | undefined;
    readonly database: string | undefined;
    /** Command-line options for the server, such as `-csearch_path=own`. */
    readonly options: string | undefined;
    readonly sslnegotiation: 'postgres' | 'direct' | undefined;
    readonly ssl: false | TlsOptions;
  };
  readonly tls: Tls;
  /** Host and port, or the path of the socket. */
  readonly place: string;
  /** Nothing goes over a network. */
  readonly local: boolean;
}

const FORM = 'must be a postgres:// or postgresql:// URL';
const ENCODING =
  'percent-encode user, password and database: %25 for %, %2F for /, %3F for ?, %23 for #, %40 for @, %3A for :';

const TLS_OF_MODE: Readonly<Record<string, Tls>> = {
  disable: 'off',
  allow: 'prefer',
  prefer: 'prefer',
  require: 'unverified',
  'no-verify': 'unverified',
  'verify-ca': 'verified',
  'verify-full': 'verified',
};
/** `ssl` is what other drivers call it. */
const MODE_OF_SSL: Readonly<Record<string, string>> = {
  ...{ true: 'verify-full', 1: 'verify-full', 'no-verify': 'no-verify', false: 'disable', 0: 'disable' },
};

class Refused extends Error {}

/** Parses `DATABASE_URL` as libpq does. Messages never quote the value: it may hold a password. */
export const postgresTarget = z.string().transform((text, context): PostgresTarget => {
  try {
    return targetOf(text);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
    return z.NEVER;
  }
});

function targetOf(text: string): PostgresTarget {
  const [, authority, path = '', query = ''] =
    /^postgres(?:ql)?:\/\/([^/?#]*)([^?#]*)\??([^#]*)$/i.exec(text) ?? [];
  if (authority === undefined)
    throw new Refused(/^postgres(ql)?:/i.test(text) ? `${FORM}; ${ENCODING}` : FORM);
  if (!isPercentEncoded(text) || path.includes('@')) throw new Refused(`${FORM}; ${ENCODING}`);
  const parameters = new URLSearchParams(query);
  const tls = takeTls(parameters);
  const config = parsed(`postgres://${authority}${path}?${parameters.toString()}`);
  const { port = 5432, options, ssl } = config;
  const [host = 'localhost', user, password] = [config.host, config.user, config.password].map(given);
  if (host.includes(',')) throw new Refused('must name one host');
  const socket = host.startsWith('/');
  return {
    connection: {
      ...{ host, port, user, password, options },
      database: config.database ?? user,
      sslnegotiation: parameters.get('sslnegotiation') === 'direct' ? 'direct' : undefined,
      ssl: typeof ssl === 'object' ? ssl : false,
    },
    tls,
    place: socket ? `${host}/.s.PGSQL.${port}` : `${host.includes(':') ? `[${host}]` : host}:${port}`,
    local: socket || /^(localhost|127\.[\d.]+|::1)$/.test(host),
  };
}

/** The parser leaves the empty text where a URL says nothing. */
const given = (text: unknown): string | undefined =>
  typeof text === 'string' && text !== '' ? text : undefined;

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

/**
 * Leaves a mode that the parser knows in `sslmode`. Without one there is no TLS, or with a root certificate the server is
 * verified. libpq would take `prefer` in both cases.
 */
function takeTls(parameters: URLSearchParams): Tls {
  const ssl = parameters.get('ssl');
  const fallback = parameters.has('sslrootcert') ? 'verify-full' : 'disable';
  const mode = parameters.get('sslmode') ?? (ssl === null ? fallback : (MODE_OF_SSL[ssl] ?? `ssl=${ssl}`));
  const tls = TLS_OF_MODE[mode];
  if (tls === undefined)
    throw new Refused(`must have an sslmode of ${Object.keys(TLS_OF_MODE).join(', ')}, or ssl=true or false`);
  // The system's certificates are what Node verifies with by default.
  if (mode === 'no-verify' || parameters.get('sslrootcert') === 'system') parameters.delete('sslrootcert');
  const hasCa = parameters.has('sslrootcert');
  if (mode === 'verify-ca' && !hasCa)
    throw new Refused('with sslmode=verify-ca must have sslrootcert=FILE; or use sslmode=verify-full');
  for (const name of ['ssl', 'uselibpqcompat']) parameters.delete(name);
  parameters.set('sslmode', { allow: 'prefer', 'no-verify': 'require' }[mode] ?? mode);
  // As in libpq, a root certificate makes `require` verify.
  return mode === 'require' && hasCa ? 'verified' : tls;
}

function parsed(url: string) {
  try {
    return toClientConfig(parse(url, { useLibpqCompat: true }));
  } catch (error) {
    const { code, path, message } = error as NodeJS.ErrnoException;
    if (path !== undefined)
      throw new Refused(`names a file that cannot be read: ${path} (${code ?? message})`);
    if (message.startsWith('Invalid port')) throw new Refused('has a port that is no number');
    throw new Refused(`${FORM}; ${ENCODING}`);
  }
}

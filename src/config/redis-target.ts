import { z } from 'zod';

export interface RedisLogin {
  readonly username?: string;
  readonly password?: string;
}

/** Where the cache is: one server, a cluster, or the master that the sentinels name. */
export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | {
      readonly kind: 'sentinel';
      /** Of the sentinels, with user and password of the servers. */
      readonly urls: readonly string[];
      readonly master: string;
      readonly database: number;
      /** For the sentinels. Null: that of the servers, if a sentinel asks for one. */
      readonly login: RedisLogin | null;
    };

/** What one URL says, decoded. */
export interface RedisUrl {
  readonly address: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly login: RedisLogin;
  readonly database: number;
  readonly tls: boolean;
}

const SERVER = ['redis:', 'rediss:'];
const SENTINEL = ['redis+sentinel:', 'rediss+sentinel:'];
/** What the URLs of several nodes have in common. */
const SHARED = ['protocol', 'username', 'password', 'pathname'] as const;
const FORMS =
  'must be a redis:// or rediss:// URL, or several, comma-separated, for Redis Cluster, or redis+sentinel://host:port/master, or unix:///path/to/socket';
const ENCODING =
  'percent-encode user and password: %25 for %, %2F for /, %3F for ?, %23 for #, %40 for @, %3A for :, %2C for a comma';
/** User, password, path and database. */
const SOCKET = /^unix:\/\/(?:([^:@/]*)(?::([^@/]*))?@)?(\/[^?#]+)(?:\?db=(\d+))?$/;

/** Parses `REDIS_URL`. Messages never quote the value: it may hold a password. */
export const redisTarget = z.string().transform((text, context): RedisTarget => {
  const refuse = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  if (!isPercentEncoded(text)) return refuse(ENCODING);
  // No commas between sockets: a path may have some, and a cluster has no sockets.
  if (text.startsWith('unix:'))
    return SOCKET.test(text)
      ? { kind: 'single', url: text }
      : refuse(
          `must be unix:///path/to/socket, unix://user:password@/path/to/socket or that with ?db=1; ${ENCODING}`,
        );
  const urls = text.split(',').map((url) => url.trim());
  if (!urls.every((url) => URL.canParse(url)))
    return refuse(/^rediss?(\+sentinel)?:\/\//.test(text) ? `${FORMS}; ${ENCODING}` : FORMS);
  const nodes = urls.map((url) => new URL(url));
  const [first] = nodes;
  if (first === undefined || !nodes.every(({ hostname }) => hostname !== '')) return refuse(FORMS);
  if (![...SERVER, ...SENTINEL].includes(first.protocol)) return refuse(FORMS);
  if (!nodes.every((node) => SHARED.every((part) => node[part] === first[part])))
    return refuse('must have the same scheme, user, password and path in every URL');
  if (!nodes.every(({ search, hash }) => search === '' && hash === ''))
    return refuse(`must have no ? and no #: a database number is the path, redis://host/1; ${ENCODING}`);
  if (SENTINEL.includes(first.protocol)) {
    const [, master, database = '0'] =
      /^\/([\w.-]+)(?:\/(\d+))?$/.exec(decodeURIComponent(first.pathname)) ?? [];
    if (master === undefined)
      return refuse(
        'must name the master behind the sentinels: redis+sentinel://host:port/master, or /master/1 for database 1',
      );
    return { kind: 'sentinel', urls, master, database: Number(database), login: null };
  }
  if (urls.length === 1) {
    if (!/^\/?\d*$/.test(first.pathname)) return refuse('must have no path but a database number');
    return { kind: 'single', url: urls[0] ?? '' };
  }
  // Redis Cluster has one database only, number 0.
  if (!/^\/?0?$/.test(first.pathname)) return refuse('must not have a database number with several nodes');
  return { kind: 'cluster', urls };
});

/** The target with the sentinels' own user and password, if they are given. */
export function withSentinelLogin(
  target: RedisTarget,
  username: string | undefined,
  password: string | undefined,
): RedisTarget {
  if (target.kind !== 'sentinel' || password === undefined) return target;
  return { ...target, login: { ...(username !== undefined && { username }), password } };
}

/** @param url one of a RedisTarget. */
export function parseRedisUrl(url: string): RedisUrl {
  const [, user = '', secret = '', path = '', number = '0'] = SOCKET.exec(url) ?? [];
  if (path !== '')
    return {
      address: { path: decodeURIComponent(path) },
      login: loginOf(user, secret),
      database: Number(number),
      tls: false,
    };
  const { hostname, port, username, password, pathname, protocol } = new URL(url);
  return {
    address: { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort(protocol)) },
    login: loginOf(username, password),
    database: Number(/\d+$/.exec(pathname)?.[0] ?? 0),
    tls: protocol.startsWith('rediss'),
  };
}

const defaultPort = (protocol: string): number => (SENTINEL.includes(protocol) ? 26_379 : 6379);

function loginOf(username: string, password: string): RedisLogin {
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
}

function isPercentEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

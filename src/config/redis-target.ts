import { z } from 'zod';

/** Where the cache is: one server, a cluster, or the master that the sentinels name. */
export type RedisTarget =
  | { readonly kind: 'single'; readonly url: string }
  | { readonly kind: 'cluster'; readonly urls: readonly string[] }
  | { readonly kind: 'sentinel'; readonly urls: readonly string[]; readonly master: string };

const SERVER = ['redis:', 'rediss:'];
const SENTINEL = ['redis+sentinel:', 'rediss+sentinel:'];
/** What the URLs of several nodes have in common. */
const SHARED = ['protocol', 'username', 'password', 'pathname'] as const;
const FORMS =
  'must be a redis:// or rediss:// URL, or several, comma-separated, for Redis Cluster, or redis+sentinel://host:port/master';

/** Parses `REDIS_URL`. Messages never quote the value: it may hold a password. */
export const redisTarget = z.string().transform((text, context): RedisTarget => {
  const refuse = (message: string): never => {
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  };
  const urls = text.split(',').map((url) => url.trim());
  if (!urls.every((url) => URL.canParse(url))) return refuse(FORMS);
  const nodes = urls.map((url) => new URL(url));
  const [first] = nodes;
  if (first === undefined || !nodes.every(({ hostname }) => hostname !== '')) return refuse(FORMS);
  if (![...SERVER, ...SENTINEL].includes(first.protocol)) return refuse(FORMS);
  if (!nodes.every((node) => SHARED.every((part) => node[part] === first[part])))
    return refuse('must have the same scheme, user, password and path in every URL');
  if (SENTINEL.includes(first.protocol)) {
    const master = decodeURIComponent(first.pathname.slice(1));
    if (!/^[\w.-]+$/.test(master)) {
      return refuse('must name the master behind the sentinels: redis+sentinel://host:port/master');
    }
    return { kind: 'sentinel', urls, master };
  }
  if (urls.length === 1) {
    if (!/^\/?\d*$/.test(first.pathname)) return refuse('must have no path but a database number');
    return { kind: 'single', url: urls[0] ?? '' };
  }
  // Redis Cluster has one database only, number 0.
  if (!/^\/?0?$/.test(first.pathname)) return refuse('must not have a database number with several nodes');
  return { kind: 'cluster', urls };
});

import { z } from 'zod';
import { OutgoingRequestError } from './guarded-http.errors.js';
import { type GuardedHttp, type InstanceResponse, NOT_A_PAGE } from './guarded-http.js';
import { jsonBody } from './json-body.js';
import { redirectTarget } from './redirects.js';

/** For each request. The instance's own address is asked next if nothing was learnt here. */
const TIMEOUT_MS = 3000;
const MAX_XRD = 64 * 1024;

const linkSchema = z.object({
  rel: z.string().max(200),
  type: z.string().max(200).optional().catch(undefined),
  href: z.string().max(2000),
});
const descriptorSchema = z.object({
  links: z
    .array(linkSchema.nullable().catch(null))
    .max(100)
    .transform((links) => links.filter((link) => link !== null)),
});

const ACTIVITY = /^application\/(?:activity\+json|ld\+json)/i;

export interface Handle {
  readonly user: string;
  /** Canonical origin of the handle's domain. */
  readonly origin: string;
}

/**
 * Finds the actor of a handle by WebFinger (RFC 7033). The handle's domain may only redirect to the instance, or name it in
 * its host-meta (RFC 6415). At most three requests.
 *
 * @returns the actor's URI, or the address of the host that was named if that does not answer; null if nothing was learnt.
 */
export async function actorOf(http: GuardedHttp, { user, origin }: Handle): Promise<URL | null> {
  const resource = `acct:${user}@${new URL(origin).host}`;
  const query = `/.well-known/webfinger?resource=${encodeURIComponent(resource)}`;
  const address = new URL(query, origin);
  const answer = await ask(http, address);
  const actor = answer && actorIn(answer);
  if (actor !== null) return actor;
  const named = (answer && redirectTarget(answer, address)) ?? (await hostMeta(http, origin));
  if (named === null) return null;
  const there = await ask(http, new URL(query, named.origin));
  return (there && actorIn(there)) ?? new URL(named.origin);
}

/** The host of the template for WebFinger, or that of a redirect. */
async function hostMeta(http: GuardedHttp, origin: string): Promise<URL | null> {
  const address = new URL('/.well-known/host-meta', origin);
  const answer = await ask(http, address);
  if (answer === null) return null;
  const redirected = redirectTarget(answer, address);
  if (redirected !== null) return redirected.origin === origin ? null : redirected;
  const links = (answer.status === 200 ? (answer.jsonText ?? '') : '')
    .slice(0, MAX_XRD)
    .split('<Link')
    .slice(1);
  for (const link of links) {
    const template = /\btemplate\s*=\s*["']([^"'<>{}]{1,1000})/.exec(link)?.[1];
    if (!/\brel\s*=\s*["']lrdd["']/.test(link) || template === undefined || !URL.canParse(template)) continue;
    return new URL(template);
  }
  return null;
}

function actorIn(answer: InstanceResponse): URL | null {
  const links = answer.status === 200 ? (jsonBody(answer, descriptorSchema)?.links ?? []) : [];
  const self = links.find(
    ({ rel, type, href }) => rel === 'self' && ACTIVITY.test(type ?? '') && URL.canParse(href),
  );
  return self === undefined ? null : new URL(self.href);
}

async function ask(http: GuardedHttp, url: URL): Promise<InstanceResponse | null> {
  try {
    return await http.request(url, {
      timeoutMs: TIMEOUT_MS,
      types: NOT_A_PAGE,
      headers: { Accept: 'application/jrd+json, application/xrd+xml, application/json' },
    });
  } catch (error) {
    if (error instanceof OutgoingRequestError) return null;
    throw error;
  }
}

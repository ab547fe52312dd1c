import { isIP } from 'node:net';
import { z } from 'zod';
import { DETAILS } from './check-outcome.js';
import { OutgoingRequestError } from './guarded-http.errors.js';
import type { GuardedHttp, InstanceResponse } from './guarded-http.js';
import { canonicalInstanceUrl } from './instance-url.js';
import { InstanceRefused } from './instances.errors.js';
import { jsonBody } from './json-body.js';
import { plainText } from './plain-text.js';

const TITLE_TIMEOUT_MS = 3000;

const linksSchema = z.object({
  links: z.array(z.object({ rel: z.string().max(200), href: z.string().max(2000) })).max(50),
});

const nodeinfoSchema = z.object({
  software: z.object({ name: z.string().min(1).max(100), version: z.string().max(200) }),
  metadata: z.object({ nodeName: z.string().optional() }).catch({}),
});

const instanceSchema = z.object({ title: z.string() });

// In order of preference. Every version has the fields that we read; 2.2 and 1.0 are for Friendica.
const SCHEMA_VERSIONS = ['2.1', '2.0', '2.2', '1.0'];

export interface Nodeinfo {
  readonly software: string;
  readonly version: string;
  readonly title: string | null;
}

/**
 * Reads an instance's nodeinfo: https://nodeinfo.diaspora.software/protocol.
 *
 * @throws {InstanceRefused}
 */
export async function readNodeinfo(http: GuardedHttp, origin: string): Promise<Nodeinfo> {
  const discovery = await ask(http, `${origin}/.well-known/nodeinfo`);
  assertStays(origin, discovery.headers.location);
  assertAnswers(discovery);
  const document = documentUrl(origin, jsonBody(discovery, linksSchema)?.links ?? []);
  const answer = await ask(http, document);
  assertAnswers(answer);
  const nodeinfo = jsonBody(answer, nodeinfoSchema);
  if (nodeinfo === null) throw notAnInstance();
  const software = plainText(nodeinfo.software.name, 50);
  if (software === null) throw notAnInstance();
  return {
    software: software.toLowerCase(),
    version: plainText(nodeinfo.software.version, 100) ?? '',
    title: plainText(nodeinfo.metadata.nodeName, 200) ?? (await readTitle(http, origin)),
  };
}

/** Optional: instances in secure mode refuse this request without a token, so a failure means nothing. */
async function readTitle(http: GuardedHttp, origin: string): Promise<string | null> {
  try {
    const answer = await http.request(`${origin}/api/v1/instance`, { timeoutMs: TITLE_TIMEOUT_MS });
    return answer.status === 200 ? plainText(jsonBody(answer, instanceSchema)?.title, 200) : null;
  } catch (error) {
    if (error instanceof OutgoingRequestError) return null;
    throw error;
  }
}

async function ask(http: GuardedHttp, url: string): Promise<InstanceResponse> {
  try {
    return await http.request(url);
  } catch (error) {
    if (error instanceof OutgoingRequestError) throw new InstanceRefused(error.reason, error.message);
    throw error;
  }
}

function assertAnswers({ status }: InstanceResponse): void {
  if (status === 429 || status >= 500) {
    throw new InstanceRefused('instance_error', 'The instance is answering with errors. Try again later.');
  }
  if (status !== 200) throw notAnInstance();
}

function documentUrl(origin: string, links: readonly { rel: string; href: string }[]): string {
  for (const version of SCHEMA_VERSIONS) {
    const link = links.find(({ rel }) => rel.endsWith(`nodeinfo.diaspora.software/ns/schema/${version}`));
    if (link === undefined) continue;
    if (!URL.canParse(link.href, origin)) throw notAnInstance();
    assertStays(origin, link.href);
    return new URL(link.href, origin).href;
  }
  throw notAnInstance();
}

/** Reports a link or redirect to another host instead of following it: the user decides which host gets credentials. */
function assertStays(origin: string, location: string | undefined): void {
  if (location === undefined || !URL.canParse(location, origin)) return;
  const target = new URL(location, origin);
  if (target.origin === origin) return;
  throw new InstanceRefused('not_an_instance', `The instance is not at this address.${hint(origin, target)}`);
}

/** Suggests a host only if a user could enter it. Never repeats a name or address from inside a network. */
function hint(origin: string, target: URL): string {
  try {
    const canonical = new URL(canonicalInstanceUrl(target.host));
    if (canonical.host === new URL(origin).host || canonical.port !== '' || isIP(canonical.hostname) > 0)
      return '';
    return ` It says its address is ${canonical.host}.`;
  } catch {
    return '';
  }
}

function notAnInstance(): InstanceRefused {
  return new InstanceRefused('not_an_instance', DETAILS.not_an_instance);
}

import { z } from 'zod';
import { isChallengePage } from './challenge-page.js';
import { DETAILS } from './check-outcome.js';
import { OutgoingRequestError } from './guarded-http.errors.js';
import { type GuardedHttp, type InstanceResponse, NOT_A_PAGE } from './guarded-http.js';
import { InstanceRefused } from './instances.errors.js';
import { jsonBody } from './json-body.js';
import { plainText } from './plain-text.js';
import { addressHint, onSameSite, redirectTarget } from './redirects.js';

const TITLE_TIMEOUT_MS = 3000;

const linkSchema = z.object({ rel: z.string().max(200), href: z.string().max(2000) });
const linksSchema = z.object({ links: z.array(linkSchema.catch({ rel: '', href: '' })).max(50) });

const nodeinfoSchema = z.object({
  software: z.object({ name: z.string().min(1).max(100), version: z.string().max(200).catch('') }),
  metadata: z.object({ nodeName: z.string().optional() }).catch({}),
});

const instanceSchema = z.object({ title: z.string() });

// In order of preference. Every version has the fields that we read; 2.2 and 1.0 are for Friendica.
const SCHEMA_VERSIONS = ['2.1', '2.0', '2.2', '1.0'];

export interface Nodeinfo {
  /** Where the document is: the instance's own origin, also if `www.` was missing or too much in the one that was asked. */
  readonly origin: string;
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
  const discovery = await ask(http, origin, new URL(`${origin}/.well-known/nodeinfo`));
  const document = documentUrl(origin, jsonBody(discovery, linksSchema)?.links ?? []);
  const nodeinfo = jsonBody(await ask(http, origin, document), nodeinfoSchema);
  if (nodeinfo === null) throw notAnInstance();
  const software = plainText(nodeinfo.software.name, 50);
  if (software === null) throw notAnInstance();
  return {
    origin: document.origin,
    software: software.toLowerCase(),
    version: plainText(nodeinfo.software.version, 100) ?? '',
    title: plainText(nodeinfo.metadata.nodeName, 200) ?? (await readTitle(http, document.origin)),
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

/** Follows one redirect on the instance's own site: to a slash, to https, from or to `www.`. */
async function ask(http: GuardedHttp, origin: string, url: URL): Promise<InstanceResponse> {
  const first = await request(http, url);
  const target = redirectTarget(first, url);
  if (target === null) return assertAnswers(first);
  const next = staying(origin, target);
  const second = await request(http, next);
  const further = redirectTarget(second, next);
  if (further !== null) staying(origin, further);
  return assertAnswers(second);
}

async function request(http: GuardedHttp, url: URL): Promise<InstanceResponse> {
  try {
    return await http.request(url, { types: NOT_A_PAGE });
  } catch (error) {
    if (error instanceof OutgoingRequestError) throw new InstanceRefused(error.reason, error.message);
    throw error;
  }
}

function assertAnswers(response: InstanceResponse): InstanceResponse {
  const { status } = response;
  if (isChallengePage(response))
    throw new InstanceRefused('instance_blocks_programs', DETAILS.instance_blocks_programs);
  if (status === 429 || status >= 500) {
    throw new InstanceRefused('instance_error', 'The instance is answering with errors. Try again later.');
  }
  if (status !== 200) throw notAnInstance();
  return response;
}

function documentUrl(origin: string, links: readonly { rel: string; href: string }[]): URL {
  for (const version of SCHEMA_VERSIONS) {
    const link = links.find(({ rel }) => rel.endsWith(`nodeinfo.diaspora.software/ns/schema/${version}`));
    if (link === undefined) continue;
    if (!URL.canParse(link.href, origin)) throw notAnInstance();
    return staying(origin, new URL(link.href, origin));
  }
  throw notAnInstance();
}

/** Reports a link or redirect to another host instead of following it: the user decides which host gets credentials. */
function staying(origin: string, target: URL): URL {
  const same = onSameSite(origin, target);
  if (same !== null) return same;
  const hint = addressHint(origin, target);
  throw new InstanceRefused(
    hint === '' ? 'not_an_instance' : 'instance_moved',
    `The instance is not at this address.${hint}`,
  );
}

function notAnInstance(): InstanceRefused {
  return new InstanceRefused('not_an_instance', DETAILS.not_an_instance);
}

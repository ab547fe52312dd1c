import { Injectable } from '@nestjs/common';
import { currentOrigin, onBehalfOf } from '../audit/audit-origin.js';
import { newSecret } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';
import { InstancesService } from '../instances/instances.service.js';
import { ConnectAttempts } from './connect-attempts.js';
import { ConnectLinks, type OpenLink, browserOf, labelsOf } from './connect-links.js';
import { ConnectFailed } from './connect.errors.js';
import { ConnectService } from './connect.service.js';
import type { GuestConnectedDto, GuestLinkDto } from './dto/guest-connect.dto.js';
import { withQuery } from './return-address.js';

/** Connecting by somebody who has a link and no account here. They learn nothing of the account that made it. */
@Injectable()
export class GuestConnectService {
  constructor(
    private readonly links: ConnectLinks,
    private readonly attempts: ConnectAttempts,
    private readonly connect: ConnectService,
    private readonly instances: InstancesService,
    private readonly config: AppConfig,
  ) {}

  /** What the page says before anything is done. @throws {ConnectLinkNotFound} */
  async show(token: string, browsers: readonly string[]): Promise<GuestLinkDto> {
    const link = await this.links.open(token, browsers);
    const { applicationName, returnTo, expiresAt } = link;
    const account = await this.links.accountOf(link);
    return { applicationName, returnTo, instance: account?.instanceUrl ?? null, expiresAt };
  }

  /** @throws {ConnectLinkNotFound | InvalidField | InstanceRefused} */
  async lookUp(token: string, instance: string, browsers: readonly string[]) {
    await this.links.open(token, browsers);
    return this.instances.describe(instance);
  }

  /**
   * @param typed where the account is; not needed for a link that reconnects one.
   * @returns the authorisation URL, and the secret for the browser's cookie.
   * @throws {ConnectLinkNotFound | InvalidField | InstanceRefused | ConnectFailed}
   */
  async begin(
    token: string,
    typed: string,
    browsers: readonly string[],
  ): Promise<{ readonly authorizationUrl: string; readonly browser: string }> {
    const link = await this.links.open(token, browsers);
    const browser = browserOf(link, browsers) ?? newSecret();
    const account = await this.links.accountOf(link);
    const wanted = {
      ...{ userId: link.userId, linkId: link.id, name: null, forceLogin: false, labels: {} },
      returnTo: `${this.config.publicUrl}/console/connect`,
    };
    const authorizationUrl = await this.connect.beginAt(
      account?.did ?? account?.instanceUrl ?? typed,
      wanted,
      browser,
    );
    // Last: an instance that cannot be used must not leave the link to a browser that got no cookie.
    await this.links.bind(link, browser);
    return { authorizationUrl, browser };
  }

  /**
   * @param browsers the cookies of the request, of which one must be of the browser that began.
   * @throws {AttemptNotFound | ConnectLinkNotFound | ConnectFailed}
   */
  async finish(attempt: string, browsers: readonly string[]): Promise<GuestConnectedDto> {
    const answered = await this.attempts.take(attempt, null, browsers);
    const link = await this.links.ofAttempt(answered.linkId ?? 0);
    const guest = { ...currentOrigin(), actor: 'guest', userId: link.userId } as const;
    return onBehalfOf(guest, async () => {
      try {
        const { id } = await this.connect.complete(answered, {
          mayReplace: true,
          labels: labelsOf(link),
          note: `, connect link ${link.id}`,
          beforeCommit: (manager, saved) => this.links.use(manager, link, saved),
          replyOf: (saved) => toDto(link, saved.id),
        });
        return toDto(link, id);
      } catch (error) {
        throw forGuest(error);
      }
    });
  }
}

/** Its own words are for the owner: they say how many connections there are. */
function forGuest(error: unknown): unknown {
  if (!(error instanceof ConnectFailed) || error.code !== 'too_many_platforms') return error;
  return new ConnectFailed(
    error.code,
    'No further account can be connected. Tell the person who gave you the link.',
  );
}

function toDto({ returnTo }: OpenLink, platformId: number): GuestConnectedDto {
  const query = { connect: 'connected', platformId: String(platformId) };
  return { returnTo: returnTo === null ? null : withQuery(returnTo, query) };
}

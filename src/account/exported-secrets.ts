import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import type { AuditOrigin } from '../audit/audit-origin.js';
import { PlatformExport } from '../platforms/transfer/platform-export.js';

const AT_ONCE = 100;

/** The credentials of a person's connections, for the person. */
@Injectable()
export class ExportedSecrets {
  constructor(
    private readonly connections: PlatformExport,
    private readonly audit: AuditLog,
  ) {}

  /**
   * The trail has each connection before its credentials leave, as with a reveal. They are null where nothing opens them.
   *
   * @throws {ServiceUnavailable} when the trail cannot be written.
   */
  async *of(userId: number, origin: AuditOrigin): AsyncGenerator<object> {
    for (let after: number | undefined = 0; after !== undefined;) {
      const page = await this.connections.page(after, AT_ONCE, userId);
      after = page.length < AT_ONCE ? undefined : page.at(-1)?.id;
      await Promise.all(
        page
          .filter(({ credentials }) => credentials !== null)
          .map(({ id: platformId }) =>
            this.audit.write({
              ...{ ...origin, action: 'credentials.reveal', outcome: 'revealed', platformId },
              reason: 'Export of the account',
            }),
          ),
      );
      for (const { id: platformId, instanceUrl, username, platformType, credentials } of page) {
        // The client secret of Bluesky is a private key, which no reveal shows either.
        const hidden = platformType === 'bluesky' ? { clientSecret: null } : {};
        yield { platformId, instanceUrl, username, ...NONE, ...credentials, ...hidden };
      }
    }
  }
}

const NONE = { accessToken: null, clientKey: null, clientSecret: null };

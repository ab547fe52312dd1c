import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { AppConfig } from '../config/app-config.js';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import { Database } from '../database/database.js';
import { appsEndpoint } from './authorization-server.js';
import { isChallengePage } from './challenge-page.js';
import { postForm } from './form-request.js';
import { GuardedHttp } from './guarded-http.js';
import { InstanceApp } from './instance-app.entity.js';
import { jsonBody } from './json-body.js';
import { OAuthFailed } from './oauth.errors.js';

const credential = z.string().regex(/^[\x21-\x7e]{1,500}$/);
const registrationSchema = z.object({
  client_id: z.union([credential, z.int().nonnegative().transform(String)]),
  client_secret: credential,
});
const sealedSchema = z.tuple([z.string(), z.string(), z.string()]);

/** An OAuth client at one instance, with its secret in plain text. Never logged. */
export interface RegisteredApp {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface Registration {
  readonly origin: string;
  readonly redirectUri: string;
  readonly scopes: string;
}

/** Registers this application once at each instance and stores the registrations. */
@Injectable()
export class InstanceApps {
  constructor(
    private readonly database: Database,
    private readonly ring: KeyRing,
    private readonly http: GuardedHttp,
    private readonly config: AppConfig,
  ) {}

  /** @throws {OAuthFailed} if the instance refuses the registration. */
  async get(registration: Registration): Promise<RegisteredApp> {
    const { origin, redirectUri, scopes } = registration;
    const stored = await this.database.load((manager) =>
      manager.findOneBy(InstanceApp, { origin, redirectUri, scopes }),
    );
    return (stored && this.open(stored)) ?? (await this.register(registration));
  }

  /** Null if the registration has been removed since. */
  async find(origin: string, clientId: string): Promise<RegisteredApp | null> {
    const stored = await this.database.load((manager) =>
      manager.findOneBy(InstanceApp, { origin, clientId }),
    );
    return stored && this.open(stored);
  }

  /** Those with the one redirect URI that all instances once had. They still refresh and revoke the tokens they got. */
  former(): Promise<Pick<InstanceApp, 'origin' | 'clientId'>[]> {
    return this.database.statement(
      `SELECT origin, client_id AS "clientId" FROM instance_apps WHERE redirect_uri LIKE '%/v1/connect/callback'`,
    );
  }

  /** Call after `invalid_client`: the instance has deleted the registration. */
  async forget(origin: string, clientId: string): Promise<void> {
    await this.database.transaction((manager) => manager.delete(InstanceApp, { origin, clientId }));
  }

  private async register(registration: Registration): Promise<RegisteredApp> {
    const { origin, redirectUri, scopes } = registration;
    const app = await this.registerAlone(registration);
    const clientSecret = this.ring.encrypt(JSON.stringify([origin, app.clientId, app.clientSecret]));
    const keyId = this.ring.primaryKeyId;
    const row = { origin, redirectUri, scopes, clientId: app.clientId, clientSecret, keyId };
    // If two processes register at the same time, the first insert wins and both use it. A row that can no longer be
    // decrypted is replaced.
    return this.database.transaction(async (manager) => {
      await manager.createQueryBuilder().insert().into(InstanceApp).values(row).orIgnore().execute();
      const stored = this.open(await manager.findOneByOrFail(InstanceApp, { origin, redirectUri, scopes }));
      if (stored !== null) return stored;
      await manager.update(
        InstanceApp,
        { origin, redirectUri, scopes },
        { clientId: app.clientId, clientSecret, keyId },
      );
      return app;
    });
  }

  /**
   * Registers without storing, for an instance at which each attempt needs a registration of its own.
   *
   * @throws {OAuthFailed}
   */
  async registerAlone({ origin, redirectUri, scopes }: Registration): Promise<RegisteredApp> {
    const response = await postForm(this.http, appsEndpoint(origin), {
      client_name: 'Platform Manager',
      redirect_uris: redirectUri,
      scopes,
      website: this.config.publicUrl,
    });
    const registered = response.status < 300 ? jsonBody(response, registrationSchema) : null;
    if (registered === null)
      throw new OAuthFailed(isChallengePage(response) ? 'instance_blocks_programs' : 'registration_refused');
    return { clientId: registered.client_id, clientSecret: registered.client_secret };
  }

  private open({ origin, clientId, clientSecret }: InstanceApp): RegisteredApp | null {
    const sealed = readable(() => sealedSchema.parse(JSON.parse(this.ring.decrypt(clientSecret))));
    if (sealed === null) return null;
    const [ofOrigin, ofClient, secret] = sealed;
    return ofOrigin === origin && ofClient === clientId ? { clientId, clientSecret: secret } : null;
  }
}

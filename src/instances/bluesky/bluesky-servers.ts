import { Injectable } from '@nestjs/common';
import { DomainError, InvalidField } from '../../common/domain-error.js';
import { InstanceRefused } from '../instances.errors.js';
import type { Instance } from '../instances.service.js';
import { failedRequestIn } from './bluesky-errors.js';
import { BlueskyOAuth } from './bluesky-oauth.js';
import type { Did } from './handle-names.js';

const NO_ACCOUNT =
  'No Bluesky account was found: the handle leads to none, or to one that does not name the handle as its own.';

export interface FoundAccount {
  readonly did: Did;
  readonly instance: Instance;
}

/** Finds servers of the AT Protocol. The authorization server stands for the instance: a PDS may be one of hundreds. */
@Injectable()
export class BlueskyServers {
  constructor(private readonly oauth: BlueskyOAuth) {}

  /**
   * The server of an account, with the handle verified both ways.
   *
   * @param identifier a handle or a DID.
   * @throws {InvalidField | InstanceRefused}
   */
  async ofAccount(identifier: string): Promise<FoundAccount> {
    try {
      const { did, issuer } = await this.oauth.locate(identifier);
      return { did, instance: toInstance(issuer) };
    } catch (error) {
      throw unusable(error) ?? new InvalidField([{ pointer: '/instance', detail: NO_ACCOUNT }]);
    }
  }

  /** Null if no server of the AT Protocol is there. */
  async at(origin: string): Promise<Instance | null> {
    try {
      return toInstance(await this.oauth.issuerAt(origin));
    } catch (error) {
      if (error instanceof DomainError || !(error instanceof Error)) throw error;
      return null;
    }
  }
}

/** Null if no request failed: then the identity is at fault. */
function unusable(error: unknown): Error | null {
  if (error instanceof DomainError || !(error instanceof Error)) throw error;
  const request = failedRequestIn(error);
  return request && new InstanceRefused(request.reason, request.message);
}

function toInstance(issuer: string): Instance {
  return {
    origin: new URL(issuer).origin,
    software: 'bluesky',
    version: '',
    title: null,
    platformType: 'bluesky',
    offer: null,
  };
}

import { Injectable, Logger, Optional } from '@nestjs/common';
import { AppConfig } from '../config/app-config.js';
import { KeyRing } from '../crypto/key-ring.js';
import { readable } from '../crypto/readable.js';
import type { SealedCredentials } from './sealed-credentials.js';

/** Credentials that an instance issued, in plain text. Never logged, cached or stored in this form. */
export interface Credentials {
  readonly accessToken: string;
  readonly clientKey: string | null;
  readonly clientSecret: string | null;
}

/** The row that secrets belong to, and the host that they are sent to. */
export interface SecretsOwner {
  readonly userId: number;
  readonly id: number;
  readonly instanceUrl: string;
}

/** What the seal binds credentials to: they are rejected in another row, with another host or for another account. */
export interface CredentialsOwner extends SecretsOwner {
  readonly username: string | null;
}

/** Encrypts and seals the credentials of a row. Checks the seal before it decrypts anything. */
@Injectable()
export class CredentialCipher {
  readonly #allowUnsealed: boolean;

  constructor(
    private readonly ring: KeyRing,
    @Optional() config?: AppConfig,
  ) {
    this.#allowUnsealed = config?.allowUnsealedRows ?? false;
    if (this.#allowUnsealed) {
      new Logger('Credentials').warn(
        'ALLOW_UNSEALED_ROWS is on: rows without a seal are accepted. Seal them (npm run cli -- credentials:seal) and unset it.',
      );
    }
  }

  encrypt(owner: CredentialsOwner, credentials: Credentials): SealedCredentials & { readonly seal: string } {
    const ciphertexts = {
      accessToken: this.ring.encrypt(credentials.accessToken),
      clientKey: this.encryptOptional(credentials.clientKey),
      clientSecret: this.encryptOptional(credentials.clientSecret),
    };
    return {
      ...ciphertexts,
      keyId: this.ring.primaryKeyId,
      seal: this.ring.seal({ ...sealedOwner(owner), ...ciphertexts }),
    };
  }

  /** Whether the row is unchanged since this application wrote it, and its key is still in the ring. */
  isIntact(owner: CredentialsOwner, sealed: SealedCredentials): boolean {
    if (sealed.seal === null) return this.#allowUnsealed && this.open(sealed) !== null;
    return this.hasOwnSeal(owner, sealed, sealed.seal);
  }

  /** @returns null when the seal is broken or no key decrypts the credentials: the owner has to reconnect. */
  decrypt(owner: CredentialsOwner, sealed: SealedCredentials): Credentials | null {
    const trusted = sealed.seal === null ? this.#allowUnsealed : this.hasOwnSeal(owner, sealed, sealed.seal);
    return trusted ? this.open(sealed) : null;
  }

  /** The seal when the username changes and the ciphertexts stay. What had no valid seal gets none. */
  reseal(owner: CredentialsOwner, sealed: SealedCredentials, username: string | null): string | null {
    const { accessToken, clientKey, clientSecret, keyId, seal } = sealed;
    if (seal === null || !this.hasOwnSeal(owner, sealed, seal)) return seal;
    const row = { ...sealedOwner({ ...owner, username }), accessToken, clientKey, clientSecret };
    return this.ring.seal(row, keyId);
  }

  /** Re-encrypts the same secrets under the primary key. Null when they cannot be decrypted. */
  rewrap(owner: CredentialsOwner, sealed: SealedCredentials): SealedCredentials | null {
    const credentials = this.decrypt(owner, sealed);
    return credentials && this.encrypt(owner, credentials);
  }

  /**
   * Seals an imported row that the operator vouches for, regardless of `ALLOW_UNSEALED_ROWS`.
   *
   * @returns null when the row already has a seal, even a broken one, or no key decrypts it.
   */
  sealImported(owner: CredentialsOwner, sealed: SealedCredentials): SealedCredentials | null {
    const credentials = sealed.seal === null ? this.open(sealed) : null;
    return credentials && this.encrypt(owner, credentials);
  }

  private hasOwnSeal(
    owner: CredentialsOwner,
    { accessToken, clientKey, clientSecret, keyId }: SealedCredentials,
    seal: string,
  ): boolean {
    return this.ring.verifySeal({ ...sealedOwner(owner), accessToken, clientKey, clientSecret }, seal, keyId);
  }

  private open({ accessToken, clientKey, clientSecret, keyId }: SealedCredentials): Credentials | null {
    const open = (token: string): string => this.ring.decrypt(token, keyId);
    return readable(() => ({
      accessToken: open(accessToken),
      clientKey: clientKey === null ? null : open(clientKey),
      clientSecret: clientSecret === null ? null : open(clientSecret),
    }));
  }

  private encryptOptional(secret: string | null): string | null {
    return secret === null ? null : this.ring.encrypt(secret);
  }
}

function sealedOwner({ userId, id, instanceUrl, username }: CredentialsOwner) {
  return { userId, platformId: id, instanceUrl, username };
}

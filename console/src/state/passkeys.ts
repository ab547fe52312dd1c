import {
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  browserSupportsWebAuthn,
  startAuthentication,
  startRegistration,
} from '@simplewebauthn/browser';
import { api, ok } from '../api/client.js';

type Json = Record<string, never>;

/** Browsers have passkeys over https, and on localhost. */
export const hasPasskeys = browserSupportsWebAuthn();

/** Has the browser make a passkey. */
export async function makePasskey(): Promise<Json> {
  const { publicKey } = await ok(api.POST('/v1/me/passkeys/options'));
  const optionsJSON = publicKey as unknown as PublicKeyCredentialCreationOptionsJSON;
  return asked(startRegistration({ optionsJSON }));
}

/** Has the person use one of theirs. */
export async function usePasskey(): Promise<Json> {
  const { publicKey } = await ok(api.POST('/v1/auth/passkey/options'));
  const optionsJSON = publicKey as unknown as PublicKeyCredentialRequestOptionsJSON;
  return asked(startAuthentication({ optionsJSON }));
}

async function asked(answer: Promise<object>): Promise<Json> {
  try {
    return (await answer) as Json;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    throw new Error(
      error.name === 'InvalidStateError'
        ? 'This device has a passkey for this account already.'
        : 'No passkey was used. Try again, or choose another way.',
      { cause: error },
    );
  }
}

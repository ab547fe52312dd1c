import { applyDecorators, SetMetadata } from '@nestjs/common';
import { ApiProblems } from '../api-problems.decorator.js';
import type { AuthUser } from './auth-user.js';
import { RecentSignInRequired } from './auth.errors.js';

export const RECENT_SIGN_IN_METADATA = Symbol('RecentSignIn');
/** For how long a sign-in, or the password given again, is believed to be of the person who sits there. */
export const RECENT_SECONDS = 600;

/**
 * Refuses a person who has not signed in, or confirmed that, within the last ten minutes. API keys are no sessions.
 *
 * @param when a query parameter that has to be `true` for that; always by default.
 */
export function RecentSignIn(when: string | true = true): MethodDecorator {
  return applyDecorators(
    SetMetadata(RECENT_SIGN_IN_METADATA, when),
    ApiProblems([403], new RecentSignInRequired()),
  );
}

/** Of an API key, always: what it may do is in its scopes. */
export function hasSignedInRecently({ scopes, confirmedAtMs = 0 }: AuthUser, now: Date): boolean {
  return scopes !== 'all' || now.getTime() - confirmedAtMs < RECENT_SECONDS * 1000;
}

import type { IncomingHttpHeaders } from 'node:http';

/** The request header by which a page of this server has its refresh token kept in a cookie. */
export const SESSION_COOKIE_HEADER = 'session-cookie';

/** No character of `newSecret()`, so the two kinds of refresh token cannot be taken for each other. */
const MARK = 'c.';

export function asksForCookie(headers: IncomingHttpHeaders): boolean {
  return headers[SESSION_COOKIE_HEADER] === 'true';
}

/** The mark stands in the token itself: a thief who has one from a program cannot claim that it was in a cookie. */
export function markedForCookie(secret: string): string {
  return MARK + secret;
}

export function isMarkedForCookie(token: string): boolean {
  return token.startsWith(MARK);
}

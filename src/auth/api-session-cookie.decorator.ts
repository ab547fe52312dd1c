import { ApiHeader } from '@nestjs/swagger';
import { SESSION_COOKIE_HEADER } from '../sessions/cookie-mark.js';

/** Documents what `keepSessionsInCookies` does. */
export const ApiSessionCookie = (): MethodDecorator =>
  ApiHeader({
    name: SESSION_COOKIE_HEADER,
    required: false,
    // No example: Swagger UI would send it.
    schema: { type: 'string', enum: ['true'] },
    description:
      'For pages of this server: the refresh token comes and goes in a cookie that no script can read, not in the body. ' +
      'Needs https, or a loopback address, and a browser that sends `Sec-Fetch-Site`. Programs leave it out.',
  }) as MethodDecorator;

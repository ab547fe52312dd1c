import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { asksForCookie } from './cookie-mark.js';
import { deviceName } from './device-name.js';

/** From where somebody signs in. */
export interface SignInOrigin {
  readonly address: string;
  /** See `deviceName`. */
  readonly device: string;
  /** Whether it is a page that has the refresh token kept in a cookie. */
  readonly inCookie: boolean;
}

const ADDRESS_LENGTH = 64;

/** From where a request comes, for the list of sessions. */
export const CameFrom = createParamDecorator((_data: unknown, context: ExecutionContext): SignInOrigin => {
  const { ip, headers } = context.switchToHttp().getRequest<FastifyRequest>();
  return {
    address: ip.slice(0, ADDRESS_LENGTH),
    device: deviceName(headers['user-agent'] ?? ''),
    inCookie: asksForCookie(headers),
  };
});

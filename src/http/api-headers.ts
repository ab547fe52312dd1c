import { ApiHeader } from '@nestjs/swagger';

/** The name is that of the handler's own parameter, where it has one: the document would have both otherwise. */
export const ApiIfNoneMatch = (): MethodDecorator =>
  ApiHeader({
    name: 'if-none-match',
    required: false,
    // Without an example, which Swagger UI would send.
    schema: { type: 'string' },
    description: 'An ETag of this route, with its quotes; 304 while it is the current one',
  }) as MethodDecorator;

/** Response headers for the OpenAPI document. */
export const CACHED_HEADERS = {
  'Cache-Status': {
    description: 'RFC 9211: hit, or why the answer was loaded',
    schema: { type: 'string', example: 'platform-manager; hit' },
  },
} as const;

export const ETAG_HEADER = {
  ETag: {
    description: 'The version, for If-Match and If-None-Match',
    schema: { type: 'string', example: '"3"' },
  },
} as const;

export const LIST_ETAG_HEADER = {
  ETag: {
    description: 'Of the whole list, for If-None-Match',
    schema: { type: 'string', example: '"4dr0ixqPMbtXZSGLYAmBZ8-GSaLeFh7CkhVAyTZyIfw"' },
  },
} as const;

export const DEFAULT_ETAG_HEADER = {
  ETag: {
    description: 'Which connection, and its version: for If-None-Match',
    schema: { type: 'string', example: '"42-3"' },
  },
} as const;

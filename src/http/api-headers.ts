import { ApiHeader } from '@nestjs/swagger';

/** Named like the handler's own parameter, if it has one; otherwise the document would list both. */
export const ApiIfNoneMatch = (): MethodDecorator =>
  ApiHeader({
    name: 'if-none-match',
    required: false,
    // No example: Swagger UI would send it.
    schema: { type: 'string' },
    description: 'An ETag of this route, including its quotes; answers 304 while it is current',
  }) as MethodDecorator;

/** Response headers for the OpenAPI document. */
export const CACHED_HEADERS = {
  'Cache-Status': {
    description: 'RFC 9211: a hit, or why the answer was loaded',
    schema: { type: 'string', example: 'platform-manager; hit' },
  },
} as const;

export const LINK_HEADER = {
  Link: {
    description: 'RFC 8288: the next page with `rel="next"`, if there is one',
    schema: { type: 'string' as const, example: '</v1/platforms?limit=50&cursor=WyIiLDFd>; rel="next"' },
  },
} as const;

const etagHeader = (description: string, example: string) => ({
  ETag: { description, schema: { type: 'string' as const, example } },
});

export const ETAG_HEADER = etagHeader('The version, for If-Match and If-None-Match', '"3"');

export const LIST_ETAG_HEADER = etagHeader(
  'Entity tag of the whole list, for If-None-Match',
  '"4dr0ixqPMbtXZSGLYAmBZ8-GSaLeFh7CkhVAyTZyIfw"',
);

export const DEFAULT_ETAG_HEADER = etagHeader(
  'Names the connection and its version, for If-None-Match',
  '"42-3"',
);

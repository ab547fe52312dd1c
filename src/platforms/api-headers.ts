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

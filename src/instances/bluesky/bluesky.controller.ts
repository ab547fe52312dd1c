import { Controller, Get, Header, NotFoundException } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { ApiProblems } from '../../http/api-problems.decorator.js';
import { Public } from '../../http/auth/access.js';
import { BlueskyClientDto, BlueskyKeysDto } from '../dto/bluesky-client.dto.js';
import { BlueskyOAuth } from './bluesky-oauth.js';
import type { ClientDocument } from './client-document.js';
import { ClientKey } from './client-key.js';

/** Servers ask again for each session that begins. */
const CACHED = 'public, max-age=300';
const NOT_PUBLISHED = 'Bluesky needs an https address (PUBLIC_URL); without one there is nothing to publish.';

@ApiTags('connect')
@Controller('v1/connect/bluesky')
export class BlueskyController {
  constructor(
    private readonly oauth: BlueskyOAuth,
    private readonly key: ClientKey,
  ) {}

  @Get('client-metadata.json')
  @Public()
  @Header('Cache-Control', CACHED)
  @ApiOperation({
    summary: 'This application as an OAuth client of the AT Protocol',
    description: 'Its URL is the client id. 404 without an https `PUBLIC_URL`.',
  })
  @ApiOkResponse({ type: BlueskyClientDto })
  @ApiProblems([404, 429])
  clientMetadata(): ClientDocument {
    return this.published();
  }

  @Get('jwks.json')
  @Public()
  @Header('Cache-Control', CACHED)
  @ApiOperation({
    summary: 'The public key by which this application authenticates to servers of the AT Protocol',
    description: 'RFC 7517. 404 without an https `PUBLIC_URL`.',
  })
  @ApiOkResponse({ type: BlueskyKeysDto })
  @ApiProblems([404, 429, 503])
  async keys(): Promise<BlueskyKeysDto> {
    this.published();
    return { keys: [await this.key.published()] };
  }

  private published(): ClientDocument {
    const { document } = this.oauth;
    if (document?.jwks_uri === undefined) throw new NotFoundException(NOT_PUBLISHED);
    return document;
  }
}

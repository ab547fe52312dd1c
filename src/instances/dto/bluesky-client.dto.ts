import { ApiProperty } from '@nestjs/swagger';

const AT = 'https://manager.example.org/v1/connect';

/** atproto.com/specs/oauth, "Client ID Metadata Document". */
export class BlueskyClientDto {
  @ApiProperty({ example: `${AT}/bluesky/client-metadata.json` })
  client_id!: string;

  @ApiProperty({ example: 'Platform Manager' })
  client_name!: string;

  @ApiProperty({ example: 'https://manager.example.org' })
  client_uri!: string;

  @ApiProperty({ type: [String], example: [`${AT}/callback/bluesky`] })
  redirect_uris!: string[];

  @ApiProperty({ example: 'atproto transition:generic' })
  scope!: string;

  @ApiProperty({ type: [String], example: ['authorization_code', 'refresh_token'] })
  grant_types!: string[];

  @ApiProperty({ type: [String], example: ['code'] })
  response_types!: string[];

  @ApiProperty({ example: 'web' })
  application_type!: string;

  @ApiProperty({ example: 'private_key_jwt' })
  token_endpoint_auth_method!: string;

  @ApiProperty({ example: 'ES256' })
  token_endpoint_auth_signing_alg!: string;

  @ApiProperty({ example: true })
  dpop_bound_access_tokens!: boolean;

  @ApiProperty({ example: `${AT}/bluesky/jwks.json` })
  jwks_uri!: string;
}

export class BlueskyKeyDto {
  @ApiProperty({ example: 'EC' })
  kty!: string;

  @ApiProperty({ example: 'P-256' })
  crv!: string;

  @ApiProperty({ example: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU' })
  x!: string;

  @ApiProperty({ example: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0' })
  y!: string;

  @ApiProperty({ example: '0a3f2c1e-6f43-4d0a-9a8e-0d6f5a1f6b1c' })
  kid!: string;

  @ApiProperty({ example: 'ES256' })
  alg!: string;

  @ApiProperty({ example: 'sig' })
  use!: string;
}

export class BlueskyKeysDto {
  @ApiProperty({ type: [BlueskyKeyDto] })
  keys!: BlueskyKeyDto[];
}

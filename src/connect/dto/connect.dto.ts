import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, ValidateIf } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';
import type { InstanceAccount } from '../../instances/account.js';
import { TestedAccountDto, toTestedAccountDto } from '../../platforms/dto/platform-test.dto.js';
import { LABELS } from '../../platforms/dto/platform.dto.js';
import { IsLabels, type Labels } from '../../platforms/labels.js';
import type { SavedAccount } from '../connected-accounts.js';

export interface Finished extends SavedAccount {
  readonly account: InstanceAccount;
}

export class BeginConnectDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 500,
    example: '@alice@mastodon.social',
    description: 'A host, a web address, or a handle',
  })
  @IsPlainText()
  @Length(1, 500, { message: 'instance must have 1 to 500 characters' })
  instance!: string;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: 100,
    example: 'My Mastodon',
    description: 'Name for a new connection; a reconnected account keeps its name. Defaults to the handle',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText()
  @Length(1, 100, { message: 'name must have 1 to 100 characters' })
  name?: string;

  @ApiPropertyOptional({
    ...LABELS,
    description: 'Labels for a new connection; a reconnected account keeps its labels',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsLabels()
  labels?: Labels;

  @ApiPropertyOptional({
    maxLength: 500,
    example: 'https://app.example.org/connections',
    description:
      'Where the callback redirects the browser, with `attempt` or `connect=failed&code=…` in the query: a URL on this ' +
      'server or on an origin in CORS_ORIGINS. Defaults to the console',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText()
  @Length(1, 500, { message: 'returnTo must have 1 to 500 characters' })
  returnTo?: string;

  @ApiPropertyOptional({
    example: true,
    description:
      'Has the instance ask which account to use, where its software can (`features.forceLogin` of the look-up). Then ' +
      'finishing asks before it replaces the token of a connection',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  forceLogin?: boolean;
}

export class ConnectBegunDto {
  @ApiProperty({
    example: 'https://mastodon.social/oauth/authorize?client_id=…&response_type=code&state=…',
    description: 'Open it in the browser of the user who sent this request',
  })
  authorizationUrl!: string;
}

export class ConnectAnsweredDto {
  @ApiProperty({
    example: 'NX3wHcJ5x8sWkq0yT2l6rLJb1uZpVd9mAeGfKoQi7cE',
    description: 'Send it to `POST /v1/connect/finish`',
  })
  attempt!: string;
}

export class FinishConnectDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 100,
    example: 'NX3wHcJ5x8sWkq0yT2l6rLJb1uZpVd9mAeGfKoQi7cE',
    description: 'From the query of `returnTo`, or from the JSON response of the callback',
  })
  @IsPlainText()
  @Length(1, 100, { message: 'attempt must have 1 to 100 characters' })
  attempt!: string;

  @ApiPropertyOptional({
    example: true,
    description:
      'Whether the connection that this account has already may get the new token. Defaults to true, or to false if the ' +
      'attempt began with `forceLogin`',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsBoolean()
  replace?: boolean;
}

export class ConnectedDto {
  @ApiProperty({
    enum: ['connected', 'confirmation_required'],
    example: 'connected',
    description:
      '`confirmation_required`: the account that came back is connected already, and nothing has changed. Send the same ' +
      'attempt with `replace: true` within ten minutes to give that connection the new token',
  })
  outcome!: 'connected' | 'confirmation_required';

  @ApiProperty({
    type: 'integer',
    example: 42,
    description: 'The connection, or the one that would be replaced',
  })
  platformId!: number;

  @ApiProperty({
    example: false,
    description: 'Whether the account was already connected and got a new token',
  })
  renewed!: boolean;

  @ApiProperty({ type: TestedAccountDto })
  account!: TestedAccountDto;
}

export function toConnectedDto({ id, result, account }: Finished): ConnectedDto {
  return {
    outcome: result === 'exists' ? 'confirmation_required' : 'connected',
    platformId: id,
    renewed: result === 'renewed',
    account: toTestedAccountDto(account),
  };
}

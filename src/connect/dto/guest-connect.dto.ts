import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { Length } from '../../http/length.decorator.js';
import { IsPlainText } from '../../http/plain-text.decorator.js';

const SECRET = 'NX3wHcJ5x8sWkq0yT2l6rLJb1uZpVd9mAeGfKoQi7cE';

export class GuestDto {
  @ApiProperty({
    minLength: 1,
    maxLength: 100,
    example: SECRET,
    description: 'The part of the link after the `#`',
  })
  @IsPlainText()
  @Length(1, 100, { message: 'link must have 1 to 100 characters' })
  link!: string;
}

export class GuestLookupDto extends GuestDto {
  @ApiProperty({ minLength: 1, maxLength: 500, example: '@alice@mastodon.social' })
  @IsPlainText()
  @Length(1, 500, { message: 'instance must have 1 to 500 characters' })
  instance!: string;
}

export class GuestBeginDto extends GuestDto {
  @ApiPropertyOptional({
    minLength: 1,
    maxLength: 500,
    example: '@alice@mastodon.social',
    description: 'A host, a web address, or a handle. Not looked at where the link reconnects an account',
  })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText()
  @Length(1, 500, { message: 'instance must have 1 to 500 characters' })
  instance?: string;
}

export class GuestFinishDto {
  @ApiProperty({ minLength: 1, maxLength: 100, example: SECRET, description: 'From the query of the page' })
  @IsPlainText()
  @Length(1, 100, { message: 'attempt must have 1 to 100 characters' })
  attempt!: string;
}

export class GuestLinkDto {
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'Alt Text Helper',
    description: 'Who asks, in their own words',
  })
  applicationName!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: 'https://app.example.org/connections',
    description: 'Where the browser goes at the end. The operator of this server has allowed its origin',
  })
  returnTo!: string | null;

  @ApiProperty({
    type: String,
    nullable: true,
    example: null,
    description: 'Where the account is that is reconnected; null for a new connection',
  })
  instance!: string | null;

  @ApiProperty({ type: String, format: 'date-time', example: '2026-11-22T12:30:00.000Z' })
  expiresAt!: Date;
}

export class GuestConnectedDto {
  @ApiProperty({
    type: String,
    nullable: true,
    example: 'https://app.example.org/connections?connect=connected&platformId=42',
    description: 'Where the browser goes now; null if the person may close the page',
  })
  returnTo!: string | null;
}

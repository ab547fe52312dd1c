import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { OAuthFailed } from './oauth.errors.js';
import { readTokens } from './token-reply.js';

interface Corpus {
  readonly granted: readonly {
    readonly from: string;
    readonly body: object;
    readonly expiresInSeconds: number | null;
    readonly refreshToken: string | null;
  }[];
  readonly refused: readonly {
    readonly from: string;
    readonly status: number;
    readonly type?: string;
    readonly text?: string;
    readonly reason: string;
  }[];
}

const { granted, refused } = JSON.parse(
  readFileSync('test/vectors/oauth/token-replies.json', 'utf8'),
) as Corpus;

describe('readTokens', () => {
  it.each(granted)('keeps the token of $from', ({ body, expiresInSeconds, refreshToken }) => {
    const response = { status: 200, headers: {}, latencyMs: 1, jsonText: JSON.stringify(body) };
    expect(readTokens(response)).toEqual({ accessToken: 't', expiresInSeconds, refreshToken });
  });

  it.each(refused)('reads $from as $reason', ({ status, type, text, reason }) => {
    const headers = type === undefined ? {} : { 'content-type': type };
    const response = { status, headers, latencyMs: 1, jsonText: text ?? null };
    expect(() => readTokens(response)).toThrow(new OAuthFailed(reason as OAuthFailed['reason']));
  });
});

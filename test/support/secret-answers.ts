import type { Exchange } from './http-client.js';

const fields = (...names: readonly string[]): RegExp =>
  new RegExp(`(?<="(?:${names.join('|')})":")[^"]+`, 'g');

interface SecretAnswer {
  readonly route: RegExp;
  /** What in the headers and the body is a secret that belongs there; one that is good for something alone. */
  readonly secret: RegExp;
  /** Made by the application, so that nobody else knows it as a secret. */
  readonly made: boolean;
}

/** The answers that secrets belong in, and where in them. */
const SECRET_ANSWERS: readonly SecretAnswer[] = [
  {
    route: /^POST \/v1\/auth\/(register|login|refresh|confirm|passkey)$/,
    secret: /(?<="(?:accessToken|refreshToken)":"|pm_session_[0-9a-f]{8}=)[^";]+/g,
    made: true,
  },
  { route: /^POST \/v1\/me\/totp$/, secret: /(?<="secret":"|secret=)[A-Z2-7]{32}/g, made: true },
  {
    route: /^(PUT \/v1\/me\/totp|POST \/v1\/me\/totp\/recovery-codes|POST \/v1\/me\/passkeys)$/,
    secret: /(?<=")(?:[a-z2-9]{4}-){3}[a-z2-9]{4}(?=")/g,
    made: true,
  },
  { route: /^POST \/v1\/api-keys$/, secret: /(?<="key":"pmk_[A-Za-z0-9]{8}_)[\w-]{43}/g, made: true },
  {
    route: /^POST \/v1\/(admin\/)?webhooks(\/\d+\/secret)?$/,
    secret: /(?<="secret":"whsec_)[\w+/=]+/g,
    made: true,
  },
  {
    route: /^POST \/v1\/connect(?:\/guest\/begin)?$/,
    secret: /(?<=[?&]state=|pm_connect_[\w-]{8}=)[\w-]{43}/g,
    made: true,
  },
  { route: /^POST \/v1\/connect\/links$/, secret: /(?<=\/console\/connect#)[\w-]{43}/g, made: true },
  {
    route: /^GET \/v1\/connect\/callback\/[^/]+$/,
    secret: /(?<=[?&]attempt=|"attempt":")[\w-]{43}/g,
    made: true,
  },
  {
    route: /^(POST \/v1\/platforms\/\d+\/credentials|GET \/v1\/me\/export)$/,
    secret: fields('accessToken', 'clientKey', 'clientSecret'),
    made: false,
  },
];

/** The secrets that the application made for this answer. */
export function secretsMadeFor(exchange: Exchange): string[] {
  const { secret, made } = of(exchange) ?? { made: false };
  return made && secret !== undefined ? (textOf(exchange).match(secret) ?? []) : [];
}

/** Headers and body of an answer without the secrets that belong in it. */
export function withoutOwnSecrets(exchange: Exchange): string {
  const { secret } = of(exchange) ?? {};
  return secret === undefined ? textOf(exchange) : textOf(exchange).replaceAll(secret, '');
}

function of({ method, path, status }: Exchange): SecretAnswer | undefined {
  return status < 400 ? SECRET_ANSWERS.find(({ route }) => route.test(`${method} ${path}`)) : undefined;
}

function textOf({ headers, text }: Exchange): string {
  return `${JSON.stringify(headers)}\n${text}`;
}

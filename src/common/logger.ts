import { type LoggerService, type LogLevel } from '@nestjs/common';
import { type Logger, pino } from 'pino';
import type { AppConfig } from '../config/app-config.js';

// Belt and braces: nothing logs these. Should something ever do, it shows as [redacted].
const SECRET_FIELDS = [
  'accessToken',
  'refreshToken',
  'clientKey',
  'clientSecret',
  'password',
  'passwordHash',
  'authorization',
  'cookie',
  'token',
  'key',
  'seal',
];

/** One JSON object a line on standard output. */
export function createLogger(
  config: Pick<AppConfig, 'logLevel'>,
  destination?: { write(line: string): void },
): Logger {
  const options = {
    level: config.logLevel,
    base: null,
    redact: {
      paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
    formatters: { level: (label: string) => ({ level: label }) },
    timestamp: pino.stdTimeFunctions.isoTime,
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

// Some fifty lines at each start, of use only to who debugs the wiring.
const NEST_INTERNALS = new Set<unknown>([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Nest's own messages through the same logger. Stacks stay; parameters of errors are not printed. */
export class NestPinoLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.write(NEST_INTERNALS.has(context.at(-1)) ? 'debug' : 'info', message, context);
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.write('warn', message, context);
  }

  error(message: unknown, ...context: unknown[]): void {
    this.write('error', message, context);
  }

  debug(message: unknown, ...context: unknown[]): void {
    this.write('debug', message, context);
  }

  verbose(message: unknown, ...context: unknown[]): void {
    this.write('trace', message, context);
  }

  fatal(message: unknown, ...context: unknown[]): void {
    this.write('fatal', message, context);
  }

  setLogLevels(_levels: LogLevel[]): void {}

  private write(
    level: 'info' | 'warn' | 'error' | 'debug' | 'trace' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    const text = message instanceof Error ? message.message : String(message);
    this.logger[level](
      {
        ...(typeof context === 'string' && { context }),
        ...(typeof stack === 'string' && { stack }),
        ...(message instanceof Error && { stack: message.stack }),
      },
      text,
    );
  }
}

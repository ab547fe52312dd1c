import type { LoggerService } from '@nestjs/common';
import { type Logger, pino } from 'pino';
import type { AppConfig } from '../config/app-config.js';
import { databaseCode, faultText, framesOf } from './fault-text.js';
import { recentErrors } from './recent-errors.js';

export interface LogDestination {
  write(line: string): void;
}

// Defence in depth: nothing logs these fields. If something ever does, they show as [redacted].
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

/** Writes one JSON object per line, to standard output by default. */
export function createLogger(config: Pick<AppConfig, 'logLevel'>, destination?: LogDestination): Logger {
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

// They log some fifty lines at each start, useful only when debugging the wiring.
const NEST_INTERNALS = new Set<unknown>([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Sends Nest's own messages through the same logger. Keeps stacks, but drops an error's properties: they can hold secrets. */
export class NestPinoLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...context: unknown[]): void {
    this.write(NEST_INTERNALS.has(context.at(-1)) ? 'debug' : 'info', message, context);
  }

  warn(message: unknown, ...context: unknown[]): void {
    this.write('warn', message, context);
  }

  error(message: unknown, ...context: unknown[]): void {
    // main.ts or the command prints the error that ended the start.
    this.write(context.at(-1) === 'ExceptionHandler' ? 'debug' : 'error', message, context);
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

  private write(
    level: 'info' | 'warn' | 'error' | 'debug' | 'trace' | 'fatal',
    message: unknown,
    rest: unknown[],
  ): void {
    const context = rest.at(-1);
    const stack = rest.length > 1 ? rest[0] : undefined;
    const isQuoting = databaseCode(message) !== null;
    const text = message instanceof Error && !isQuoting ? message.message : faultText(message);
    if (level === 'warn' || level === 'error' || level === 'fatal') recentErrors.add(level, text, context);
    this.logger[level](
      {
        ...(typeof context === 'string' && { context }),
        ...(typeof stack === 'string' && { stack }),
        ...(message instanceof Error && {
          stack: isQuoting ? framesOf(message).join('\n') : message.stack,
        }),
      },
      text,
    );
  }
}

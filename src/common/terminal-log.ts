import type { AppConfig } from '../config/app-config.js';
import type { LogDestination } from './logger.js';

// In JSON: an escape, or one of the control characters that JSON leaves as they are. An escaped backslash is one match, so what
// follows it is not taken for an escape.
const ESCAPE_OR_CONTROL = /\\(?:u[\da-f]{4}|.)|[\u007F-\u009F]/gi;
const STEERING = /^\\(?:[bfr]|u00[01][\da-f]|u007f|u00[89][\da-f])$/i;

/** A record may quote a request. What would steer the terminal is shown as JSON shows it. */
function inert(line: string): string {
  return line.replace(ESCAPE_OR_CONTROL, (found) => {
    if (found.length === 1) return `\\\\u00${found.charCodeAt(0).toString(16)}`;
    return STEERING.test(found) ? `\\${found}` : found;
  });
}

/**
 * For a developer at a terminal: a line of text per record, in colours, with the stack of an error below it.
 *
 * @returns undefined in production, and where the output is a pipe or a file: these get JSON.
 */
export async function terminalLog(
  { production }: Pick<AppConfig, 'production'>,
  output: Pick<NodeJS.WriteStream, 'isTTY' | 'hasColors' | 'write'> = process.stdout,
): Promise<LogDestination | undefined> {
  if (production || !output.isTTY) return undefined;
  // Loaded here: no other process needs it.
  const { prettyFactory } = await import('pino-pretty');
  const format = prettyFactory({
    colorize: output.hasColors(),
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
    ignore: 'stack',
    messageFormat: (record, key) => {
      const { stack } = record;
      const message = String(record[key]).replaceAll('\n', '\\n');
      return typeof stack === 'string' ? `${message}\n${stack}` : message;
    },
  });
  return { write: (line) => void output.write(format(inert(line))) };
}

import type { Command } from 'commander';
import { type AppConfig } from '../config/app-config.js';
import { ConfigurationError, loadConfig } from '../config/load-config.js';
import { CommandFailed } from './command-failed.js';
import { say } from './output.js';

/** What a check has found. A fault keeps the API from starting or from doing its work; a warning does not. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'fault';
  /** The setting or the server. */
  readonly subject: string;
  /** For anything but `ok`, with what to do. */
  readonly text: string;
}

/** Adds `doctor`. */
export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description(
      'check configuration, database, Redis, keys and PUBLIC_URL, and say what to do; changes nothing',
    )
    .action(async () => {
      const findings = await examine();
      for (const { level, subject, text } of findings) say(`${level.padEnd(8)} ${subject}: ${text}`);
      const faults = findings.filter(({ level }) => level === 'fault').length;
      if (faults > 0) throw new CommandFailed(`${faults} ${faults === 1 ? 'fault' : 'faults'} to mend.`);
    });
}

async function examine(): Promise<Finding[]> {
  let config: AppConfig;
  try {
    config = loadConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map((problem) => ({ level: 'fault', subject: 'configuration', text: problem }));
  }
  const { examineDatabase } = await import('./doctor-database.js');
  const { examineRedis } = await import('./doctor-redis.js');
  const { examinePublicUrl } = await import('./doctor-public-url.js');
  const [database, redis, publicUrl] = await Promise.all([
    examineDatabase(config),
    examineRedis(config),
    examinePublicUrl(config),
  ]);
  return [
    { level: 'ok', subject: 'configuration', text: 'every setting can be read' },
    ...config.warnings.map((text): Finding => ({ level: 'warning', subject: 'configuration', text })),
    ...database,
    ...redis,
    publicUrl,
  ];
}

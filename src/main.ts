import cluster from 'node:cluster';
import { keepCompiledCode } from './common/compile-cache.js';
import { StartFailure, listenFailure } from './common/start-failure.js';
import { keepTickShape } from './common/tick-shape.js';
import type { AppConfig } from './config/app-config.js';
import { ConfigurationError, loadConfig } from './config/load-config.js';

async function main(): Promise<void> {
  keepCompiledCode();
  keepTickShape();
  const config = loadConfig(process.env);
  if (config.workers > 1 && cluster.isPrimary) {
    const { superviseWorkers } = await import('./workers.js');
    process.exitCode = await superviseWorkers(config);
    return;
  }
  // Node asks for the source map of a module when it loads it, so what a stack trace shall name comes after this.
  process.setSourceMapsEnabled(true);
  const { createApp } = await import('./app.setup.js');
  const { DemoAccount } = await import('./auth/demo-account.js');
  const app = await createApp(config);
  // Exits with 0 when everything is closed; by default Nest would send itself the signal again. Not in createApp: an operator
  // command that a signal ends has not done its work and must not exit with 0.
  app.enableShutdownHooks([], { useProcessExit: true });
  const demo = config.database.target.kind === 'embedded' ? await app.get(DemoAccount).ensure() : null;
  const { host, port } = config;
  await app.listen(port, host).catch((error: unknown) => {
    throw listenFailure(error, { host, port, portSetting: 'PORT' });
  });
  if ((cluster.worker?.id ?? 1) === 1) process.stdout.write(greeting(config, await app.getUrl(), demo));
}

function greeting(config: AppConfig, url: string, demo: { email: string; password: string } | null): string {
  const base = url.replace(/\/\/(\[::1?\]|0\.0\.0\.0|127\.0\.0\.1)/, '//localhost') + config.basePath;
  const database =
    config.database.target.kind === 'embedded' ? `embedded in ${config.dataDir}` : 'DATABASE_URL';
  const lines = [
    '',
    'Platform Manager is ready.',
    `  API         ${base}/v1`,
    `  Swagger UI  ${base}/docs`,
    `  Console     ${base}/console`,
    `  Database    ${database}`,
    ...(config.generatedKeyFile === null || config.database.target.kind === 'embedded'
      ? []
      : [
          `  Key         generated: keep ${config.generatedKeyFile}, without it the stored credentials are lost`,
        ]),
    ...(config.workers > 1 ? [`  Processes   ${config.workers}, one port`] : []),
    `  Cache       ${config.redis === null ? 'in process memory: no other process may use this database' : 'REDIS_URL'}`,
    `  Mail        ${mailLine(config)}`,
    ...(demo === null
      ? []
      : [`  Log in as   ${demo.email} with password ${demo.password} (shown this once)`]),
    '',
  ];
  return `${lines.join('\n')}\n`;
}

function mailLine({ mail }: AppConfig): string {
  if (mail === null) return 'none: without SMTP_URL nobody can set a forgotten password';
  return mail.target.kind === 'smtp' ? 'SMTP_URL' : `written to files in ${mail.target.folder}`;
}

main().catch((error: unknown) => {
  const expected =
    error instanceof ConfigurationError ||
    error instanceof StartFailure ||
    (error instanceof Error && ['DirectoryInUse', 'UnusableDataDir'].includes(error.name));
  process.stderr.write(
    `${expected ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
  );
  process.exit(1);
});

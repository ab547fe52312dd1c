import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app.setup.js';
import { createLogger } from '../../src/common/logger.js';
import { loadConfig } from '../../src/config/load-config.js';
import { Backends } from './backends.js';
import { expectCleanRecord } from './clean-record.js';
import { HttpClient } from './http-client.js';

export interface TestAppOptions {
  /** Shared with other apps, and removed by the caller. Without it the app has its own, which go with it. */
  readonly backends?: Backends;
  /** Over those of the backends. */
  readonly env?: Readonly<Record<string, string>>;
  /** One that is known before the start, such as for PUBLIC_URL. */
  readonly port?: number;
}

/** On a busy machine a PostgreSQL that is well takes longer than the five seconds after which an answer is 503. */
const PATIENT_WITH_POSTGRES = {
  DATABASE_ACQUIRE_TIMEOUT_MS: '20000',
  DATABASE_STATEMENT_TIMEOUT_MS: '20000',
} as const;

/** The application as it is served, in this process, on real servers and a real port. */
export class TestApp {
  readonly client: HttpClient;

  constructor(
    readonly app: NestFastifyApplication,
    readonly baseUrl: string,
    readonly backends: Backends,
    readonly logLines: readonly string[],
    private readonly ownsBackends: boolean,
  ) {
    this.client = new HttpClient(baseUrl, backends.exchanges, backends.secrets);
  }

  expectCleanRecord(): Promise<void> {
    return expectCleanRecord(this);
  }

  /** Where the backends are its own, checks the record first; everything is closed even if that fails. */
  async close(): Promise<void> {
    try {
      if (this.ownsBackends) await this.expectCleanRecord();
    } finally {
      await this.app.close();
      if (this.ownsBackends) await this.backends.remove();
    }
  }
}

export async function startTestApp({ backends, env = {}, port = 0 }: TestAppOptions = {}): Promise<TestApp> {
  const own = backends ?? (await Backends.create());
  const config = loadConfig({ ...own.env(), ...PATIENT_WITH_POSTGRES, ...env });
  const logLines: string[] = [];
  own.logs.push(() => logLines);
  const app = await createApp(config, createLogger(config, { write: (line) => void logLines.push(line) }));
  own.addKeys(env.PLATFORM_ENCRYPTION_KEY ?? own.encryptionKey);
  await app.listen(port, '127.0.0.1');
  return new TestApp(app, await app.getUrl(), own, logLines, backends === undefined);
}

import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApp } from '../../src/app.setup.js';
import { createLogger } from '../../src/common/logger.js';
import { loadConfig } from '../../src/config/load-config.js';
import { Backends } from './backends.js';
import { HttpClient } from './http-client.js';
import { expectNoSecrets } from './leaks.js';
import { expectDocumentedAnswers } from './openapi.js';

export interface TestAppOptions {
  /** Shared with other apps, and removed by the caller. Without it the app has its own, which go with it. */
  readonly backends?: Backends;
  /** Over those of the backends. */
  readonly env?: Readonly<Record<string, string>>;
}

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

  /**
   * Looks at what all apps of the backends have answered, logged and stored: no secret in it, and no answer that the
   * OpenAPI document does not know. Once in each test file, at its end.
   */
  async expectCleanRecord(): Promise<void> {
    await expectNoSecrets(this);
    await expectDocumentedAnswers(this);
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

export async function startTestApp({ backends, env = {} }: TestAppOptions = {}): Promise<TestApp> {
  const own = backends ?? (await Backends.create());
  const config = loadConfig({ ...own.env(), ...env });
  const logLines: string[] = [];
  own.logs.push(() => logLines);
  const app = await createApp(config, createLogger(config, { write: (line) => void logLines.push(line) }));
  await app.listen(0, '127.0.0.1');
  return new TestApp(app, await app.getUrl(), own, logLines, backends === undefined);
}

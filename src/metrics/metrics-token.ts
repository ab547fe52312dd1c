import { Injectable } from '@nestjs/common';
import { hashOf, matchesHash } from '../common/secrets.js';
import { AppConfig } from '../config/app-config.js';

/** METRICS_TOKEN. Without one, everybody may read the metrics. */
@Injectable()
export class MetricsToken {
  readonly #hash: Buffer | null;

  constructor({ metricsToken }: AppConfig) {
    this.#hash = metricsToken === null ? null : hashOf(metricsToken);
  }

  admits(token: string | undefined): boolean {
    return this.#hash === null || matchesHash(token ?? '', this.#hash);
  }
}

import { Injectable } from '@nestjs/common';

/** What became of a delivery after one attempt: `postponed` will be tried again, `failed` will not. */
export type DeliveryOutcome = 'delivered' | 'postponed' | 'failed';

/** Passes what happened to the metrics, so that neither side depends on the other. */
@Injectable()
export class WebhookMeter {
  readonly #listeners: ((outcome: DeliveryOutcome) => void)[] = [];

  onAttempt(listener: (outcome: DeliveryOutcome) => void): void {
    this.#listeners.push(listener);
  }

  record(outcome: DeliveryOutcome): void {
    for (const listener of this.#listeners) listener(outcome);
  }
}

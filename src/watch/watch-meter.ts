import { Injectable } from '@nestjs/common';
import type { CheckOutcome } from '../instances/check-outcome.js';
import type { RefreshOutcome } from '../platforms/renewal/token-refresh.js';

/** How a visit to one instance ended: `done` if no check was left, otherwise why it ended early. */
export type VisitOutcome = 'done' | 'unreachable' | 'limited' | 'out_of_time' | 'stopped' | 'busy' | 'failed';

export type WatchEvent =
  | { readonly kind: 'round'; readonly outcome: 'completed' | 'failed'; readonly seconds: number }
  | { readonly kind: 'visit'; readonly outcome: VisitOutcome; readonly seconds: number }
  | { readonly kind: 'check'; readonly outcome: CheckOutcome | 'gone' | 'failed' }
  | { readonly kind: 'refresh'; readonly outcome: RefreshOutcome };

/** Passes the watcher's events to the metrics, so that neither side depends on the other. */
@Injectable()
export class WatchMeter {
  readonly #listeners: ((event: WatchEvent) => void)[] = [];

  onEvent(listener: (event: WatchEvent) => void): void {
    this.#listeners.push(listener);
  }

  record(event: WatchEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

import { Injectable } from '@nestjs/common';
import { DomainError } from '../common/domain-error.js';
import { CallerGone } from './exchange-timer.js';

export interface ProxyEvent {
  readonly method: string;
  /** `2xx` to `5xx` for an answer of the instance; else the code of our problem, `cancelled` or `failed`. */
  readonly outcome: string;
  readonly seconds: number;
}

/** @param end the status of the instance's answer, or what went wrong. */
export function outcomeOf(end: unknown): string {
  if (typeof end === 'number') return end >= 200 && end < 600 ? `${Math.floor(end / 100)}xx` : 'other';
  if (end instanceof DomainError) return end.code;
  return end instanceof CallerGone ? 'cancelled' : 'failed';
}

/** Passes what happened to the metrics, so that neither side depends on the other. */
@Injectable()
export class ProxyMeter {
  readonly #listeners: ((event: ProxyEvent) => void)[] = [];

  onEvent(listener: (event: ProxyEvent) => void): void {
    this.#listeners.push(listener);
  }

  record(event: ProxyEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

import { signal } from '@preact/signals';

export interface Message {
  readonly id: number;
  readonly text: string;
  readonly urgent: boolean;
}

const SHOWN_MS = 12_000;
const MAX_SHOWN = 4;

/** The latest messages, shown and read out by screen readers. */
export const messages = signal<readonly Message[]>([]);

let lastId = 0;

export function say(text: string): void {
  const id = add(text, false);
  setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Shows an urgent message, which stays until it is dismissed. */
export function warn(text: string): void {
  add(text, true);
}

export function dismiss(id: number): void {
  messages.value = messages.value.filter((message) => message.id !== id);
}

export function dismissAll(): void {
  messages.value = [];
}

function add(text: string, urgent: boolean): number {
  lastId += 1;
  messages.value = [...messages.value, { id: lastId, text, urgent }].slice(-MAX_SHOWN);
  return lastId;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { signal } from '@preact/signals';
import { Problem } from '../api/client.js';
import { condition } from './condition.js';

export interface Message {
  readonly id: number;
  readonly text: string;
  readonly tone: 'neutral' | 'bad';
  /** Takes back what the message tells. */
  readonly undo?: (() => void) | undefined;
  /** What it is about. A newer message about the same takes its place. */
  readonly about?: string | undefined;
  /** It tells of an outage, and ends with it. */
  readonly isOutage?: boolean;
}

type Extras = Pick<Message, 'undo' | 'about'>;

const SHOWN_MS = 8_000;
const MAX_SHOWN = 3;

/** The latest messages, shown and read out by screen readers. */
export const messages = signal<readonly Message[]>([]);

let lastId = 0;
/** While somebody points at a message or has the focus in it, none goes away by itself. */
let isHeld = false;
const due = new Set<number>();

export function say(text: string, extras: Extras = {}): void {
  dismissLater(add({ text, tone: 'neutral', ...extras }));
}

/** Shows that something failed. It stays until it is dismissed. */
export function warn(text: string, extras: Extras = {}): void {
  add({ text, tone: 'bad', ...extras });
}

/** The same for an error. If the server is away, the message ends when the server is back. */
export function warnOf(error: unknown, before: string, extras: Extras = {}): void {
  const isOutage = !(error instanceof Problem) || error.status >= 500;
  const id = add({ text: `${before}${messageOf(error)}`, tone: 'bad', isOutage, ...extras });
  // It was over before the next look at the server could notice.
  if (isOutage && condition.value === 'ok') dismissLater(id);
}

export function dismiss(id: number): void {
  due.delete(id);
  messages.value = messages.value.filter((message) => message.id !== id);
}

export function dismissLatest(): void {
  const latest = messages.value.at(-1);
  if (latest !== undefined) dismiss(latest.id);
}

export function dismissAll(): void {
  messages.value = [];
}

export function endOutage(): void {
  messages.value = messages.value.filter(({ isOutage }) => isOutage !== true);
}

export function hold(isHolding: boolean): void {
  isHeld = isHolding;
  if (!isHeld) for (const id of due) dismissLater(id);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function dismissLater(id: number): void {
  due.delete(id);
  setTimeout(() => {
    if (isHeld) due.add(id);
    else dismiss(id);
  }, SHOWN_MS);
}

function add(message: Omit<Message, 'id'>): number {
  lastId += 1;
  const { about } = message;
  const others = messages.value.filter((other) => about === undefined || other.about !== about);
  messages.value = [...others, { id: lastId, ...message }].slice(-MAX_SHOWN);
  return lastId;
}

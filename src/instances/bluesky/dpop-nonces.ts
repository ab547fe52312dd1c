import { Injectable } from '@nestjs/common';
import { MemoryStore } from './memory-store.js';

/** Servers rotate their nonces every few minutes, and accept the last one or two. */
const NONCE_MS = 10 * 60_000;

/** The last nonce of each server, by origin. A process that has none, or a stale one, learns the right one. */
@Injectable()
export class DpopNonces extends MemoryStore<string> {
  constructor() {
    super(NONCE_MS);
  }
}

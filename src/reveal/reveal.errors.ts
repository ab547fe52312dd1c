import { problem } from '../common/domain-error.js';

/** Of the whole installation; the proxy needs no reveal. */
export class RevealDisabled extends problem(403, 'reveal_disabled', 'Reveal disabled') {
  constructor() {
    super('This server gives no credentials out. Use them through the proxy.');
  }
}

import type { Letter } from './letter.js';

/** How letters leave this process. Null is injected where none can. */
export abstract class MailTransport {
  /** Resolves once somebody else is responsible for the letter. */
  abstract send(letter: Letter): Promise<void>;
  abstract close(): void;
}

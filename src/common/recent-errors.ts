export interface LoggedError {
  readonly at: Date;
  readonly level: 'warn' | 'error' | 'fatal';
  /** The part of the application; '' where it did not say. */
  readonly context: string;
  readonly message: string;
}

const KEPT = 20;
const MAX_CHARACTERS = 500;

/** The last warnings and errors that this process has logged, without their stacks. What may be logged holds no secret. */
export class RecentErrors {
  #kept: readonly LoggedError[] = [];

  add(level: LoggedError['level'], message: string, context: unknown): void {
    const entry = {
      ...{ at: new Date(), level, context: typeof context === 'string' ? context : '' },
      message: message.slice(0, MAX_CHARACTERS).toWellFormed(),
    };
    this.#kept = [entry, ...this.#kept].slice(0, KEPT);
  }

  /** The latest first. */
  list(): readonly LoggedError[] {
    return this.#kept;
  }
}

/** Of the process, as its logger is. */
export const recentErrors = new RecentErrors();

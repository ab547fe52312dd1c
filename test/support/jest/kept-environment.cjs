const { TestEnvironment } = require('jest-environment-node');

const CIRCUS = ['EVENT_HANDLERS', 'JEST_STATE_SYMBOL'];

/** One global scope for all test files of a worker, because what kept-runtime.cjs keeps belongs to it. */
class KeptEnvironment extends TestEnvironment {
  static #kept;

  constructor(config, context) {
    if (KeptEnvironment.#kept !== undefined) return KeptEnvironment.#kept;
    super(config, context);
    KeptEnvironment.#kept = this;
  }

  /** What the file before has set is set no more. */
  async setup() {
    const { env } = this.global.process;
    for (const name of Object.keys(env)) if (!(name in process.env)) delete env[name];
    Object.assign(env, process.env);
  }

  async teardown() {
    this.fakeTimers.useRealTimers();
    this.fakeTimersModern.useRealTimers();
    // Of jest-circus, which each file loads anew: else its handlers would hear of the tests of all later files, and hold all
    // that its tests refer to.
    for (const symbol of Object.getOwnPropertySymbols(this.global))
      if (CIRCUS.includes(symbol.description)) delete this.global[symbol];
    this._globalProxy.leftovers = []; // what was there before
  }
}

module.exports = KeptEnvironment;

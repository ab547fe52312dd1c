const { AsyncLocalStorage } = require('node:async_hooks');
const { TestEnvironment } = require('jest-environment-node');

/** Those with a store since the file began. */
const storages = new Set();
const { run } = AsyncLocalStorage.prototype;
AsyncLocalStorage.prototype.run = function (...given) {
  storages.add(this);
  return run.apply(this, given);
};

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
    // Each file's jest-circus has one, and before Node 24 each that has ever had a store makes every promise slower: a turn of
    // a loop that only awaits took 22 µs with 90 of them, 0.4 with one. One that is used again comes back by itself.
    for (const storage of storages) storage.disable();
    storages.clear();
  }
}

module.exports = KeptEnvironment;

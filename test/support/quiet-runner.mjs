import TestRunner from 'jest-runner';

/** Jest's own, when all other files have ended (Jest ends one runner before it starts the next), with two at a time: they wait for most of their time. */
export default class QuietRunner extends TestRunner {
  constructor(globalConfig, context) {
    super({ ...globalConfig, maxWorkers: Math.min(2, globalConfig.maxWorkers) }, context);
  }
}

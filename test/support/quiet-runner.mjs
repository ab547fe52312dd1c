import TestRunner from 'jest-runner';

/** Jest's own, but for one file at a time with nothing beside it: Jest ends one runner before it starts the next. */
export default class QuietRunner extends TestRunner {
  isSerial = true;
}

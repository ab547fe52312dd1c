import { nodeRelease, runWithNode } from './node-release.mjs';

// npm run test:node -- RELEASE [arguments of Jest]: `npm test` on another release of Node; the e2e suite by default.

const [release = '', ...given] = process.argv.slice(2);
const args = given.length > 0 ? given : ['test/e2e'];
try {
  process.exitCode = runWithNode(nodeRelease(release), 'npm', ['test', '--', ...args]);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

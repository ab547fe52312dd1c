import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { CAN_FETCH, nodeRelease, runWithNode } from '../support/node-release.mjs';

// The bench runs on the release of .nvmrc, whatever `node` is here: figures of two releases do not compare.

const release = readFileSync(join(import.meta.dirname, '../../.nvmrc'), 'utf8').trim();
const isHere = process.version.startsWith(`v${release}.`);
if (!isHere && !CAN_FETCH) console.log(`Measured on Node ${process.version}, not on ${release}.`);

const folder = isHere || !CAN_FETCH ? dirname(process.execPath) : nodeRelease(release);
const tsx = createRequire(import.meta.url).resolve('tsx/cli');
process.exitCode = runWithNode(folder, 'node', [tsx, 'test/bench/main.ts', ...process.argv.slice(2)]);

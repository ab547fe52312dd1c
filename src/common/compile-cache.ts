import nodeModule from 'node:module';
import { projectFile } from './project-file.js';

/** Of Node 22.8 and later. */
interface WithCompileCache {
  enableCompileCache?: (folder: string) => unknown;
}

/**
 * Keeps what V8 has compiled for the next process, which starts a tenth faster (`docs/performance.md`). It lies with the
 * code: who can write there can change the code anyway. Where nothing can be written, nothing is kept.
 */
export function keepCompiledCode(): void {
  (nodeModule as WithCompileCache).enableCompileCache?.(projectFile('node_modules/.cache/platform-manager'));
}

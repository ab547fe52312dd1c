import { fileURLToPath } from 'node:url';

/**
 * The path of a file of the project, from its root.
 *
 * The root is two folders up in src/common, and in dist/chunks, where the bundle has this file.
 */
export function projectFile(path: string): string {
  return fileURLToPath(new URL(`../../${path}`, import.meta.url));
}

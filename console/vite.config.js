import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

const API = 'http://localhost:3000';

const ASSETS = new URL('../dist/console/assets/', import.meta.url);

/** Beside each file its compressed forms, which the API sends to browsers that take them. */
const compressed = {
  name: 'compressed-assets',
  apply: 'build',
  closeBundle() {
    for (const name of readdirSync(ASSETS)) {
      const file = new URL(name, ASSETS);
      const content = readFileSync(file);
      writeFileSync(new URL(`${name}.br`, ASSETS), brotliCompressSync(content));
      writeFileSync(new URL(`${name}.gz`, ASSETS), gzipSync(content, { level: 9 }));
    }
  },
};

export default defineConfig(({ command }) => ({
  // Relative, because BASE_PATH is not known when this is built.
  base: command === 'build' ? './' : '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/console',
    emptyOutDir: true,
    // The Content-Security-Policy allows no data: URLs and no inline scripts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  plugins: [compressed],
  server: { proxy: { '/v1': API, '/health': API } },
}));

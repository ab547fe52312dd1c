import { defineConfig } from 'vite';

const API = 'http://localhost:3000';

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
  server: { proxy: { '/v1': API, '/health': API } },
}));

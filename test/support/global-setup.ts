import Module from 'node:module';
import type { RunServers } from './servers/run-servers.js';

type ResolveFilename = (request: string, ...rest: unknown[]) => string;

// Jest loads this file with require() and transforms TypeScript on the way, but applies no moduleNameMapper here, so
// './servers/run-servers.js' is not found as run-servers.ts. Hence no static relative import, and for the one
// dynamic import (which the transform turns into require) node's resolver tries .ts where .js is missing.
const resolver = Module as unknown as { _resolveFilename: ResolveFilename };

declare global {
  var testRunServers: RunServers | undefined;
}

export default async function globalSetup(): Promise<void> {
  const original = resolver._resolveFilename;
  resolver._resolveFilename = (request, ...rest) => {
    try {
      return original(request, ...rest);
    } catch (error) {
      if (!/^\.{1,2}\/.*\.js$/.test(request)) throw error;
      return original(request.replace(/\.js$/, '.ts'), ...rest);
    }
  };
  try {
    const { startRunServers } = await import('./servers/run-servers.js');
    const servers = await startRunServers();
    globalThis.testRunServers = servers;
    // The workers inherit these.
    process.env.TEST_DATABASE_URL = servers.databaseUrl;
    process.env.TEST_REDIS_URL = servers.redisUrl;
    process.env.TEST_TEMPLATE_DATABASE = servers.templateDatabase;
    if (servers.poolerUrl !== null) process.env.TEST_POOLER_URL = servers.poolerUrl;
  } finally {
    resolver._resolveFilename = original;
  }
}

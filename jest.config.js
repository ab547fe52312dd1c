const swc = {
  jsc: {
    target: 'es2022',
    keepClassNames: true,
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
  },
};

const project = {
  roots: ['<rootDir>/src', '<rootDir>/clients', '<rootDir>/console', '<rootDir>/test'],
  testMatch: ['**/*.spec.ts'],
  testEnvironment: '<rootDir>/test/support/jest/kept-environment.cjs',
  runtime: '<rootDir>/test/support/jest/kept-runtime.cjs',
  setupFiles: ['<rootDir>/test/support/jest/fresh-logger.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  // With the checkout: what an earlier one took says nothing of this one, and would undo the order of longest-first.mjs.
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
  transform: { '^.+\\.(t|j)s$': ['@swc/jest', swc] },
  // Swagger's static file plug-in pulls these two in as CommonJS; untransformed, Jest cannot load them.
  transformIgnorePatterns: ['/node_modules/(?!(content-disposition|cookie)/)'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
};

// What measures times so short that whatever runs beside it shows in them.
const ALONE = [
  'e2e/http/blocking',
  'fault/postgres-slow',
  'fault/postgres-stopped',
  'fault/redis-killed',
].map((name) => `<rootDir>/test/${name}.spec.ts`);

export default {
  projects: [
    {
      ...project,
      displayName: 'alone',
      testMatch: ALONE,
      runner: '<rootDir>/test/support/quiet-runner.mjs',
    },
    { ...project, displayName: 'side by side', testPathIgnorePatterns: ['/node_modules/', ...ALONE] },
  ],
  testSequencer: '<rootDir>/test/support/longest-first.mjs',
  coverageProvider: 'v8',
  // For what hangs: on a busy machine a test takes many times as long as on a quiet one.
  testTimeout: 90_000,
  // Two more than CI has cores: a test waits for servers, browsers and processes for a third of its time. V8 has no helper
  // threads (--single-threaded in package.json): beside other workers they cost a tenth of the CPU and save no time.
  maxWorkers: 4,
  // After the last test Node 20 may wait without end, and busily, in its own clean-up for a socket that is gone
  // (Environment::CleanupHandles).
  forceExit: true,
  // A worker keeps something of each test file that it has run, and a new one takes seconds to load the application.
  workerIdleMemoryLimit: '2GB',
};

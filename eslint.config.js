import eslint from '@eslint/js';
import { createNodeResolver, importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

// The direction of imports: what each folder of src/ may import besides itself. A folder that nothing lists (metrics,
// events, cli) is imported by app.module.ts only, or not at all.
const BASE = ['common', 'config'];
const SERVICES = [
  ...BASE,
  ...['audit', 'cache', 'credentials', 'crypto', 'database', 'http', 'idempotency', 'keys', 'outbox'],
];
const FEATURES = {
  admin: ['mail', 'platforms', 'sessions', 'users', 'watch'],
  account: ['auth', 'platforms', 'reveal', 'users'],
  auth: ['factors', 'mail', 'notices', 'sessions', 'users'],
  avatars: ['instances', 'platforms'],
  connect: ['instances', 'platforms'],
  events: ['auth', 'platforms', 'rate-limit'],
  factors: ['users'],
  health: [],
  instances: [],
  mail: [],
  mcp: [],
  notices: ['mail'],
  metrics: ['proxy', 'watch', 'webhooks'],
  platforms: ['instances', 'snapshots'],
  proxy: ['instances', 'platforms', 'rate-limit', 'watch'],
  reveal: ['notices', 'platforms'],
  sessions: [],
  snapshots: ['instances'],
  stats: ['platforms', 'snapshots'],
  users: [],
  watch: ['instances', 'notices', 'platforms', 'snapshots'],
  webhooks: ['instances', 'mail', 'platforms'],
};
const MAY_IMPORT = {
  config: [],
  common: ['config'],
  http: [...BASE, 'crypto'],
  audit: [...BASE, 'crypto', 'database', 'http', 'keys'],
  cache: [...BASE, 'crypto', 'http'],
  credentials: [...BASE, 'crypto'],
  // Pure except for its module file, which is how Nest sees it.
  'crypto/!(crypto.module).ts': ['crypto'],
  'crypto/crypto.module.ts': [...BASE, 'crypto'],
  database: BASE,
  idempotency: [...BASE, 'crypto', 'database', 'http'],
  keys: [...BASE, 'crypto', 'database', 'outbox'],
  outbox: [...BASE, 'cache', 'crypto', 'database'],
  'rate-limit': [...BASE, 'cache', 'http'],
  tracing: [...BASE, 'cache', 'database', 'instances'],
  ...Object.fromEntries(
    Object.entries(FEATURES).map(([feature, others]) => [feature, [...SERVICES, ...others]]),
  ),
};
const KNOWN_FOLDERS = ['cli', 'crypto', ...Object.keys(MAY_IMPORT).filter((name) => !name.includes('/'))];

const zones = [
  ...Object.entries(MAY_IMPORT).map(([folder, others]) => ({
    target: `./src/${folder}`,
    from: './src',
    except: [folder, ...others].map((name) => `./${name}`),
    message: 'See the direction of imports in eslint.config.js.',
  })),
  ...Object.keys(FEATURES).map((feature) => ({
    target: `./src/${feature}`,
    from: `./src/!(${feature})/**/*.entity.ts`,
    message: "A feature asks another feature's service, never its tables.",
  })),
  {
    target: './console',
    from: ['./src', './test'],
    message: 'The console knows the API by openapi.json alone.',
  },
  {
    target: './src/app.*.ts',
    from: ['./src/main.ts', './src/cli'],
    message: 'Programs are imported by nobody.',
  },
  {
    target: `./src/!(${KNOWN_FOLDERS.join('|')})/**/*.ts`,
    from: './src',
    message: 'Say in eslint.config.js what this new folder may import.',
  },
];

const QUERY_RUNNERS = {
  selector: 'MemberExpression[property.name=/^(createQueryRunner|startTransaction)$/]',
  message: 'A runner that is not released leaks a connection: use Database.transaction() or Database.load().',
};
const PROCESS_ENV = {
  selector:
    "MemberExpression[object.name='process'][property.name='env'], ImportDeclaration[source.value=/^(node:)?process$/]",
  message: 'The environment is read once, into AppConfig: inject that.',
};
const ERROR_TEXT = {
  selector:
    "TemplateLiteral > CallExpression[callee.name='String'][arguments.0.name=/^(error|failure|fault)$/]",
  message: "PostgreSQL's messages can quote a row: say faultText(error).",
};

const NODE_GLOBALS = ['process', 'console', 'fetch', 'URL', 'AbortController', 'setTimeout'];

export default tseslint.config(
  { ignores: ['**/dist/', 'coverage/', '.data/', 'clients/typescript/src/schema.ts'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  tseslint.configs.recommendedTypeChecked,
  {
    plugins: { 'import-x': importX },
    settings: {
      // Relative imports name the file that will exist: ./x.js is ./x.ts, or ./x.tsx.
      'import-x/resolver-next': [createNodeResolver({ extensionAlias: { '.js': ['.ts', '.tsx', '.js'] } })],
    },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Its fixes remove assertions that the compiler needs.
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      // `async` without `await` is how a method that may throw always answers with a promise.
      '@typescript-eslint/require-await': 'off',
      // Does not touch files with decorators: there an import that looks like a type is what Nest injects.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      'import-x/no-default-export': 'error',
      'import-x/order': [
        'error',
        {
          groups: ['builtin', 'external', 'parent', 'sibling'],
          alphabetize: { order: 'asc', caseInsensitive: true },
          'newlines-between': 'never',
        },
      ],
      // What cannot be resolved would pass the zones below unseen. Packages are left to the compiler.
      'import-x/no-unresolved': ['error', { ignore: ['^[^.]'] }],
    },
  },
  {
    files: ['console/**'],
    rules: { 'import-x/no-restricted-paths': ['error', { zones }] },
  },
  {
    files: ['clients/**'],
    ignores: ['**/*.spec.ts'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: ['node:*', '../../../*'] }],
    },
  },
  {
    files: ['src/**'],
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'no-restricted-syntax': ['error', QUERY_RUNNERS, PROCESS_ENV, ERROR_TEXT],
    },
  },
  { files: ['src/database/**'], rules: { 'no-restricted-syntax': ['error', PROCESS_ENV, ERROR_TEXT] } },
  {
    files: ['src/config/**', 'src/main.ts', 'src/cli/**'],
    rules: { 'no-restricted-syntax': ['error', QUERY_RUNNERS] },
  },
  {
    files: ['src/cache/**'],
    rules: {
      '@typescript-eslint/no-restricted-imports': ['error', { patterns: ['*typeorm*', 'prom-client'] }],
    },
  },
  {
    files: ['src/crypto/**'],
    ignores: ['src/crypto/crypto.module.ts'],
    rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns: ['@nestjs/*', 'typeorm'] }] },
  },
  {
    // Jest's matchers and mocks, and parsed replies, are `any` by their types.
    files: ['**/*.spec.ts', 'test/**/*.ts'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: Object.fromEntries(NODE_GLOBALS.map((name) => [name, 'readonly'])) },
  },
  // Jest loads these with require().
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { module: 'writable', require: 'readonly' } },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  // Jest, like ESLint, wants the default export.
  {
    files: ['**/*.config.js', 'test/support/global-*.ts', 'test/support/{quiet-runner,longest-first}.mjs'],
    rules: { 'import-x/no-default-export': 'off' },
  },
);

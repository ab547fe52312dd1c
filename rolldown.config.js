import { defineConfig } from 'rolldown';

/** The innermost, with its folder: what a file of libraries begins with. */
const LIBRARY = /node_modules\/(?:@[^/]+\/)?[^/]+\/(?!.*node_modules)/;
/**
 * Loaded by what requires them and never used: the drivers of other databases, the Redis client that
 * `cache-manager-redis-yet` would make by itself, BullMQ on PostgreSQL, and the telephone numbers of the world.
 */
const UNUSED =
  /\/typeorm\/driver\/(?!postgres\/|types\/)[^/]+\/|\/cache-manager-redis-yet\/node_modules\/@?redis\/|\/bullmq\/dist\/cjs\/postgres\/|\/libphonenumber-js\//;
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * The application and its libraries in a few files. Node takes more than half of a start to find and read 4,000 small
 * ones, and operator commands and tests start often.
 */
export default defineConfig({
  input: {
    main: 'src/main.ts',
    'cli/main': 'src/cli/main.ts',
    'cli/openapi': 'src/cli/openapi.ts',
    'cli/migration-drift': 'src/cli/migration-drift.ts',
  },
  platform: 'node',
  tsconfig: 'tsconfig.build.json',
  external: [
    // They read files of their own, from beside themselves.
    /^@electric-sql\//,
    /^@node-rs\//,
    'pino',
    /^swagger-ui-dist/,
    // TypeORM requires its driver by a name in a variable, and src has to have the same one.
    /^pg(-connection-string)?$/,
    // Libraries try these, and do without.
    /^@fastify\/(multipart|view)/,
    /^@nestjs\/(microservices|mongoose|platform-express|sequelize)/,
    /^@nestjs\/websockets\/socket-module/,
    'class-transformer/storage',
    'msgpackr-extract',
    'pg-native',
  ],
  plugins: [
    {
      name: 'unused',
      load: { filter: { id: UNUSED }, handler: () => 'module.exports = {};' },
    },
    {
      name: 'libraries',
      transform: {
        filter: { id: /\/node_modules\// },
        handler: (code) => ({
          // Nest loads some libraries by createRequire(), which no bundler follows: they would be loaded a second time, from
          // node_modules.
          code: code
            .replace('const require = createRequire(import.meta.url);', '')
            .replaceAll('createRequire(import.meta.url)(', 'require('),
          // Node reads the source maps at each start, and those of the libraries are twenty times as large as those of src.
          map: { mappings: '' },
        }),
      },
      generateBundle(_, bundle) {
        for (const chunk of Object.values(bundle)) {
          if (!chunk.name?.startsWith('libraries')) continue;
          // It says nothing, and Node would count the lines of a whole file for it.
          delete bundle[`${chunk.fileName}.map`];
          const code = chunk.code.replace(/^\/\/# sourceMappingURL=.*$/m, '');
          const names = new Set(Object.keys(chunk.modules).map((path) => LIBRARY.exec(path)?.[0]));
          // One character beyond ASCII makes V8 keep a whole file with two bytes for each.
          chunk.code = `// ${[...names].join(' ')}\n${code.replace(/[^\0-\x7f]/g, escaped)}`;
        }
      },
    },
  ],
  output: {
    dir: 'dist',
    cleanDir: true,
    sourcemap: true,
    sourcemapExcludeSources: true,
    // Half of the text: every start reads and parses it, and every process keeps it.
    minify: { compress: false, mangle: { keepNames: true }, codegen: { removeWhitespace: true } },
    // Nest names providers, and problems their class, by the name of the class.
    keepNames: true,
    // reflect-metadata comes before the first decorator, whichever file has it.
    strictExecutionOrder: true,
    // Apart from src: Node would take what has no source map for the part of src that stands before it.
    codeSplitting: { groups: [{ name: 'libraries', test: /\/node_modules\//, entriesAware: true }] },
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) => `chunks/${name.split('~')[0]}.js`,
  },
});

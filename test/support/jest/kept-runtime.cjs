const { sep } = require('node:path');
const { default: Runtime } = require('jest-runtime');

let library;

/**
 * Loads the modules of src and the libraries once a worker, where Jest would load them once a test file: that took 2 s and
 * 110 MB for each of them that starts the application. What the application keeps in modules has to bear several
 * applications in one process anyway. Test files and their support are loaded anew each time.
 *
 * It reaches into jest-runtime 30.5, which has no setting for this: where a later one is built differently, it throws here.
 */
class KeptRuntime extends Runtime {
  constructor(config, ...rest) {
    super(config, ...rest);
    // What a file covers is counted where the file is loaded.
    if (rest.at(-1).collectCoverage) return;
    library ??= new Runtime(config, ...rest);
    // Fastify looks through all of require.cache for the name of each plug-in, which took a twentieth of a worker's time.
    library.registries.requireCacheProxy = {};
    // Traces of kept modules, too, shall name the lines of src.
    this.transformCache.sourceMaps = library.transformCache.sourceMaps;
    const src = config.rootDir + sep + 'src' + sep;
    const isKept = (path) =>
      path.includes(`${sep}node_modules${sep}`) || (path.startsWith(src) && !path.endsWith('.spec.ts'));
    const { esmLoader } = this;
    // Else newer releases of Node load a graph of modules in one step, in which the methods below have no part.
    for (const { resolution } of [esmLoader, library.esmLoader])
      resolution.hasDistinctAsyncResolver = () => true;
    const keep = (method, pathAt) => {
      const ownMethod = esmLoader[method].bind(esmLoader);
      esmLoader[method] = (...given) =>
        isKept(given[pathAt]) ? library.esmLoader[method](...given) : ownMethod(...given);
    };
    // By what is loaded, and by what asks for it: a kept module also has Node's own modules, and their require(), from there.
    keep('loadEsmModule', 0);
    keep('loadCjsAsEsm', 1);
    keep('resolveModule', 1);
  }
}

module.exports = KeptRuntime;

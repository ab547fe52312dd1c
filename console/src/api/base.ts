/** Before the path of each route: BASE_PATH without the slash at its end. This file is served right below it. */
export const BASE = /^(.*)\/console\/(?:assets|src)\//.exec(new URL(import.meta.url).pathname)?.[1] ?? '';

/** Before the path of each route: BASE_PATH without the slash at its end. The console is served right below it. */
export const BASE = /^(.*)\/console(?:\/.*)?$/.exec(location.pathname)?.[1] ?? '';

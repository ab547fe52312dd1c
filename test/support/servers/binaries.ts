import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { canInstall, findOnPath, install, isExecutable, pathFolders } from './debian-packages.js';

const DEBIAN_POSTGRES = '/usr/lib/postgresql';

export type ServerKind = 'postgres' | 'redis';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  readonly pgCtl: string;
  /** A value for shared_preload_libraries; undefined where the contrib library is not installed. */
  readonly preload: 'pg_stat_statements' | undefined;
}

let installation: Promise<void> | undefined;

/** Finds the programs of these servers, installing them first where that is possible. Throws one message that says how. */
export async function ensureBinaries(kinds: readonly ServerKind[]): Promise<void> {
  const missing = (): ServerKind[] => kinds.filter((kind) => find(kind) === undefined);
  if (missing().length === 0) return;
  if (canInstall()) {
    installation ??= install(['postgresql', 'redis-server']);
    await installation;
  }
  if (missing().length > 0) throw new Error(howToGet(missing()));
}

export async function postgresBinaries(): Promise<PostgresBinaries> {
  const initdb = await locate('postgres');
  // initdb refuses a postgres of another version, so both come from the folder where initdb really lies.
  const folder = dirname(realpathSync(initdb));
  const libraries = ['lib', 'lib/postgresql', 'lib64/pgsql'].flatMap((lib) =>
    ['so', 'dylib'].map((extension) => join(folder, '..', lib, `pg_stat_statements.${extension}`)),
  );
  return {
    initdb: join(folder, 'initdb'),
    postgres: join(folder, 'postgres'),
    pgCtl: join(folder, 'pg_ctl'),
    preload: libraries.some((library) => existsSync(library)) ? 'pg_stat_statements' : undefined,
  };
}

export async function redisBinary(): Promise<string> {
  return locate('redis');
}

async function locate(kind: ServerKind): Promise<string> {
  await ensureBinaries([kind]);
  const program = find(kind);
  if (program === undefined) throw new Error(howToGet([kind]));
  return program;
}

function find(kind: ServerKind): string | undefined {
  if (kind === 'redis')
    return process.env.TEST_REDIS_BINARY || findOnPath('redis-server') || findOnPath('valkey-server');
  return [...pathFolders(), ...debianFolders()].map((folder) => join(folder, 'initdb')).find(isExecutable);
}

/** Debian keeps each PostgreSQL's programs off PATH, in a folder by its version; newest first. */
function debianFolders(): string[] {
  if (!existsSync(DEBIAN_POSTGRES)) return [];
  const versions = readdirSync(DEBIAN_POSTGRES).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(DEBIAN_POSTGRES, version, 'bin'));
}

function howToGet(kinds: readonly ServerKind[]): string {
  const names = { postgres: 'PostgreSQL (initdb, postgres)', redis: 'redis-server' };
  const variables = { postgres: 'TEST_DATABASE_URL', redis: 'TEST_REDIS_URL' };
  return (
    `The tests need ${kinds.map((kind) => names[kind]).join(' and ')}. ` +
    'Install them (Debian: apt-get install postgresql redis-server; macOS: brew install postgresql redis), ' +
    `or set ${kinds.map((kind) => variables[kind]).join(' and ')} to servers that the tests may write to.`
  );
}

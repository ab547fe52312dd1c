import { QueryFailedError } from 'typeorm';
import { StartFailure } from '../common/start-failure.js';
import type { AppConfig } from '../config/app-config.js';
import type { PostgresTarget } from '../config/postgres-target.js';
import { codeOf } from './database-errors.js';

/** The database answers, and is not what this application needs. */
export class UnsuitableDatabase extends Error {}

/**
 * Runs what opens the database at the start.
 *
 * @param way which of the two URLs `work` uses.
 * @throws {StartFailure} in place of every error of PostgreSQL or the way to it.
 */
export async function openingDatabase<T>(
  config: AppConfig['database'],
  way: 'target' | 'direct',
  work: () => Promise<T>,
): Promise<T> {
  const target = config[way];
  try {
    return await work();
  } catch (error) {
    if (target.kind !== 'postgres' || error instanceof StartFailure) throw error;
    const reason =
      error instanceof UnsuitableDatabase ? error.message : reasonOf(error, target, config.acquireTimeoutMs);
    if (reason === null) throw error;
    const name = target === config.target ? 'DATABASE_URL' : 'DATABASE_DIRECT_URL';
    throw new StartFailure(`${name} cannot be used: ${reason.replace(/\s+/g, ' ')}`, { cause: error });
  }
}

/** Null for what is neither of the connection nor of the server. */
function reasonOf(error: unknown, target: PostgresTarget, timeoutMs: number): string | null {
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (code === undefined) return withoutCode(message, target, timeoutMs);
  const known = ofConnection(code, target) ?? ofLogin(code, message, target) ?? ofRights(error, code, target);
  if (known !== null) return `${known} (${code})`;
  // Node's errors of sockets and TLS have names, PostgreSQL's have five characters.
  return /^[0-9A-Z]{5}$/.test(code) || /^(E|ERR_)[A-Z_]+$/.test(code) || isCertificateError(code)
    ? `${message} (${code})`
    : null;
}

function ofConnection(code: string, { place, connection: { host } }: PostgresTarget): string | null {
  if (isCertificateError(code))
    return (
      `the certificate of ${place} cannot be verified: name its CA with sslrootcert=FILE, ` +
      'or do without verification with sslmode=require'
    );
  switch (code) {
    case 'ENOTFOUND':
      return `there is no host ${host}`;
    case 'EAI_AGAIN':
      return `the host ${host} cannot be resolved at the moment`;
    case 'ECONNREFUSED':
      return `nothing listens at ${place}`;
    case 'ENOENT':
      return `there is no socket ${place}`;
    case 'EACCES':
      return `this user may not open ${place}`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `${place} cannot be reached`;
    case 'ECONNRESET':
    case 'EPROTO':
      return `${place} ended the connection: is it a PostgreSQL server?`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${place} is for another host: use the name that it is for, or sslmode=verify-ca with sslrootcert=FILE`;
    case '57P03':
      return `PostgreSQL at ${place} is starting up or shutting down`;
    case '53300':
      return `PostgreSQL at ${place} has no connection left: raise its max_connections or lower DATABASE_POOL_MAX`;
    default:
      return null;
  }
}

/** OpenSSL's names for what Node does not trust. */
const isCertificateError = (code: string): boolean =>
  /^(DEPTH_ZERO_)?SELF_SIGNED_CERT(_IN_CHAIN)?$|^UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|^CERT_|^INVALID_CA$/.test(
    code,
  );

function ofLogin(code: string, message: string, { connection, tls }: PostgresTarget): string | null {
  const { user, database } = connection;
  switch (code) {
    case '28P01':
      return `the password for the user ${user ?? '(none)'} is wrong, or there is no such user`;
    case '28000':
      return /encryption|SSL/.test(message) && tls === 'off'
        ? `${message}: add ?sslmode=require, or better verify-full`
        : message;
    case '3D000':
      return `there is no database ${database ?? ''}: create it, CREATE DATABASE ${quoted(database ?? '')} ENCODING 'UTF8' TEMPLATE template0`;
    case '08P01':
      return /startup parameter: options/.test(message)
        ? `a pooler refuses options in the URL: leave them to DATABASE_DIRECT_URL, and ALTER ROLE ${quoted(user ?? '')} SET search_path`
        : message;
    case '25006':
      return `${message}: it must name the primary, and a database that may be written to`;
    default:
      return null;
  }
}

/** What the migrations may lack. */
function ofRights(error: unknown, code: string, { connection }: PostgresTarget): string | null {
  const { user = 'the user', database = '' } = connection;
  const message = error instanceof Error ? error.message : '';
  const extension = /^CREATE EXTENSION IF NOT EXISTS (\w+)/.exec(
    error instanceof QueryFailedError ? error.query : '',
  )?.[1];
  if (extension !== undefined) {
    if (code === '42501')
      return (
        `${user} may not create the extension ${extension}: let an administrator run in the database ${database}: ` +
        `CREATE EXTENSION ${extension}`
      );
    if (code === '0A000' || code === '58P01')
      return `the server lacks the extension ${extension}: install PostgreSQL's contrib package there`;
  }
  // The migrations have just been applied, the other way.
  if (code === '42P01') return `${message}: DATABASE_DIRECT_URL names another database or schema`;
  if (code === '3F000')
    return `no schema of the search path exists: CREATE SCHEMA, or ALTER ROLE ${quoted(user)} SET search_path`;
  if (code !== '42501') return null;
  const schema = /schema (\S+)$/.exec(message)?.[1];
  return schema === undefined
    ? message
    : `${message}: let an administrator run GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${quoted(user)}`;
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** What node-postgres says itself. */
function withoutCode(
  message: string,
  { place, connection }: PostgresTarget,
  timeoutMs: number,
): string | null {
  if (/time-?out/i.test(message))
    return `${place} did not answer within ${timeoutMs} ms (DATABASE_ACQUIRE_TIMEOUT_MS)`;
  if (message.includes('does not support SSL'))
    return `${place} offers no TLS: enable it there, or use sslmode=prefer or disable`;
  if (message.includes('password must be'))
    return `the server asks for a password for the user ${connection.user ?? '(none)'}, and the URL has none`;
  if (/SSL connection|Connection terminated|SASL|Unknown authenticationOk/.test(message))
    return `${place}: ${message}`;
  return null;
}

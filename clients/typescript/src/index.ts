export { type ClientOptions, type PlatformManager, createClient, ok } from './client.js';
export type { EventMessage, EventOptions, PlatformEvent } from './events.js';
export { type FieldProblem, Problem, Unreachable } from './problem.js';
export type { components, paths } from './schema.js';
export { idempotencyKey } from './send.js';
export type { OnUser, Session, User } from './session.js';

import { describe, it } from '@jest/globals';

/** `it`, for a process whose own way to Redis is cut: there is one way to one server, and several to a cluster. */
export const itOnOneServer = process.env.TEST_REDIS_URL?.includes(',') ? it.skip : it;
export const describeOnOneServer = process.env.TEST_REDIS_URL?.includes(',') ? describe.skip : describe;

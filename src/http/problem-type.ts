import type { FastifyInstance } from 'fastify';
import type { ProblemCode } from '../common/problem-types.js';

declare module 'fastify' {
  interface FastifyInstance {
    /** What comes before the code in the `type` of a problem. */
    readonly problemTypes: string;
  }
}

export const problemTypesAt = (publicUrl: string): string => `${publicUrl}/problems/`;

/** Problems are also sent where nothing can be injected, so the server itself knows where their types are explained. */
export function explainProblemsAt(publicUrl: string, fastify: FastifyInstance): void {
  fastify.decorate('problemTypes', problemTypesAt(publicUrl));
}

/** RFC 9457, 3.1.1: a URL that a person can open. */
export const problemType = (
  { problemTypes }: Pick<FastifyInstance, 'problemTypes'>,
  code: ProblemCode,
): string => problemTypes + code;

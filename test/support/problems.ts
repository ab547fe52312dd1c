import { expect } from '@jest/globals';
import type { TestResponse } from './http-client.js';

export interface ProblemJson {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
  readonly requestId: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** RFC 9457 as the contract has it, whole. On 400, `pointers` are the faults in any order. */
export function expectProblem(
  answer: TestResponse,
  status: number,
  code: string,
  pointers?: readonly string[],
): ProblemJson {
  const summary = { status: answer.status, text: answer.text };
  expect(summary).toMatchObject({ status });
  expect(answer.header('content-type')).toBe('application/problem+json; charset=utf-8');
  const problem = answer.json<ProblemJson>();
  expect(problem).toEqual({
    type: expect.stringMatching(new RegExp(`^https?://[^/]+(/[^/]+)*/problems/${code}$`)),
    title: expect.stringMatching(/\S/),
    status,
    detail: expect.stringMatching(/\S/),
    instance: expect.stringMatching(/^\//),
    code,
    requestId: answer.header('x-request-id'),
    ...(status === 400 && { errors: expect.any(Array) }),
  });
  for (const error of problem.errors ?? []) {
    expect(error).toEqual({ pointer: expect.any(String), detail: expect.stringMatching(/\S/) });
  }
  if (pointers !== undefined) {
    expect((problem.errors ?? []).map(({ pointer }) => pointer).sort()).toEqual([...pointers].sort());
  }
  return problem;
}

/** The body without what two equal answers may differ in. */
export function withoutOccurrence(answer: TestResponse): string {
  return answer.text
    .replace(/"instance":"[^"]*"/, '"instance":""')
    .replace(/"requestId":"[^"]*"/, '"requestId":""');
}

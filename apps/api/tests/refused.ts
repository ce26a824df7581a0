import { expect } from '@jest/globals'
import { type ErrorCode, Problem } from '@kantor/contracts'
import type { Ask } from './http.js'
import type { Rig } from './rig.js'

/** Sends the request and expects a refusal: a problem of ours with this status and code, telling nothing of the inside. */
export async function refused(rig: Rig, request: Ask, status: number, code: ErrorCode): Promise<Problem> {
  const response = await rig.ask(request)
  expect([response.statusCode, response.body]).toEqual([status, expect.anything()])
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  const problem = Problem.parse(response.json())
  expect(problem).toMatchObject({
    status,
    code,
    type: `/docs/errors#${code}`,
    requestId: response.headers['x-request-id'],
  })
  expect(response.body).not.toMatch(/node_modules|at .*\.ts|SELECT|prisma/i)
  return problem
}

/** Where each field error points, and its code. */
export const pointersOf = (problem: Problem) => problem.errors?.map((error) => [error.pointer, error.code])

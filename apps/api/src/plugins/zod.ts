import { AppError, type FieldError, fieldErrors } from '@kantor/contracts'
import type { FastifyInstance } from 'fastify'
import { z } from 'zod'

/** Every schema of a route is a zod schema: no coercion, no dropped keys, all errors at once. */
export function useZod(app: FastifyInstance): void {
  app.setValidatorCompiler(({ schema, httpPart }) => {
    if (!(schema instanceof z.ZodType)) throw new Error('a route has a schema that is not zod')
    return (data: unknown) => {
      const unstorable = httpPart === 'querystring' ? withNul(data) : []
      if (unstorable.length > 0) return { error: refusal('querystring', unstorable) }
      const parsed = schema.safeParse(data, { reportInput: true })
      return parsed.success
        ? { value: parsed.data }
        : { error: refusal(httpPart ?? 'body', fieldErrors(schema, parsed.error.issues)) }
    }
  })
  // Replies are typed against the same table and checked by the tests; checking each one again would double the cost of a curve.
  app.setSerializerCompiler(() => (data: unknown) => JSON.stringify(data))
}

/** Postgres takes no NUL in a text, and no filter looks for one. */
const withNul = (query: unknown): FieldError[] =>
  Object.entries(query as Record<string, unknown>)
    .filter(([, value]) => [value].flat().some((text) => String(text).includes('\0')))
    .map(([name]) => ({ pointer: `/${name}`, code: 'invalid-string', message: 'must not hold NUL' }))

function refusal(httpPart: string, errors: FieldError[]): AppError {
  // An id that cannot exist is an id that does not exist.
  if (httpPart === 'params') return new AppError('not-found', 'there is nothing under this id')
  if (httpPart === 'body') return validationFailed(errors)
  // The only header that a route declares.
  if (httpPart === 'headers')
    return new AppError('invalid-idempotency-key', `the Idempotency-Key ${errors[0]!.message}`)
  const named = errors.map((error) => ({ ...error, pointer: error.pointer.replace(/^\//, '') }))
  return new AppError('invalid-query', summary(named), { errors: named })
}

export const validationFailed = (errors: FieldError[]): AppError =>
  new AppError('validation-failed', summary(errors), { errors })

function summary(errors: FieldError[]): string {
  const [first] = errors
  if (!first) return 'the request is not acceptable'
  const one = `${first.pointer === '' ? 'the body' : first.pointer} ${first.message}`
  const more = errors.length - 1
  return more === 0 ? one : `${one}; and ${more} more ${more === 1 ? 'error' : 'errors'}`
}

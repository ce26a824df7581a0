import type { z } from 'zod'
import { FieldError, type FieldErrorCode } from './errors.js'
import { nearest } from './strings.js'

type Issue = z.core.$ZodIssue
/** What the walk below needs to know of a zod definition. */
interface Definition {
  type: string
  innerType?: { def: Definition }
  in?: { def: Definition }
  options?: { def: Definition }[]
  element?: { def: Definition }
  valueType?: { def: Definition }
  shape?: Record<string, { def: Definition }>
}

const MAX_ERRORS = 50
const escapePointer = (key: PropertyKey) => String(key).slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')
const toPointer = (path: readonly PropertyKey[]) => path.map((key) => `/${escapePointer(key)}`).join('')

/** Every field error of a failed parse, at most 50, each with a pointer, a stable code and a remedy where one is known. */
export function fieldErrors(
  schema: z.ZodType,
  issues: readonly Issue[],
  prefix: readonly PropertyKey[] = [],
): FieldError[] {
  const found = new Map<string, FieldError>()
  for (const issue of issues) {
    // 2^53 + 1 breaks the bound of an integer and our own: the later, narrower one is worth telling.
    for (const error of explain(schema, issue, prefix)) found.set(`${error.pointer} ${error.code}`, error)
  }
  return [...found.values()].slice(0, MAX_ERRORS)
}

function explain(schema: z.ZodType, issue: Issue, prefix: readonly PropertyKey[]): FieldError[] {
  const path = [...prefix, ...issue.path]
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema.def, issue.path)
    return issue.keys.map((key) => {
      const guess = nearest(key, known)
      return {
        pointer: toPointer([...path, key]),
        code: 'unknown-property' as const,
        message: `there is no property "${key.slice(0, 64)}" here`,
        hint: guess === undefined ? `allowed: ${known.join(', ')}` : `did you mean "${guess}"?`,
      }
    })
  }
  if (issue.code === 'invalid_union' && issue.errors?.length && !('discriminator' in issue && issue.discriminator)) {
    const closest = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0]!
    return fieldErrors(schema, closest, path)
  }
  const hint = hintOf(issue)
  return [{ pointer: toPointer(path), code: codeOf(issue), message: messageOf(issue), ...(hint && { hint }) }]
}

const depth = (issues: readonly Issue[]) => Math.max(0, ...issues.map((issue) => issue.path.length))
const isMissing = (issue: Issue) => issue.code === 'invalid_type' && issue.message.endsWith('received undefined')

function codeOf(issue: Issue): FieldErrorCode {
  if (issue.code === 'custom') {
    const code = FieldError.shape.code.safeParse(issue.params?.['code'])
    return code.success ? code.data : 'invalid'
  }
  if (isMissing(issue)) return 'required'
  if (issue.code === 'invalid_type') return issue.expected === 'int' ? 'out-of-range' : 'wrong-type'
  if (issue.code === 'invalid_value' || issue.code === 'invalid_union') return 'not-allowed'
  if (issue.code === 'invalid_format' || issue.code === 'invalid_key') return 'invalid-string'
  if (issue.code === 'too_big') return issue.origin === 'string' ? 'too-long' : 'out-of-range'
  if (issue.code === 'too_small') return 'out-of-range'
  return 'invalid'
}

function messageOf(issue: Issue): string {
  if (isMissing(issue)) return 'is required'
  if (issue.code === 'invalid_union') return 'is not one of the kinds there are'
  const message = issue.message.replace(/^Invalid input: /, '').replace(/^Too (small|big): /, '')
  return message.charAt(0).toLowerCase() + message.slice(1)
}

function hintOf(issue: Issue): string | undefined {
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map(String)
    const guess = typeof issue.input === 'string' ? nearest(issue.input, allowed) : undefined
    return guess === undefined ? `one of: ${allowed.join(', ')}` : `did you mean "${guess}"?`
  }
  if (issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options)) {
    return `"kind" is one of: ${issue.options.map(String).join(', ')}`
  }
  return undefined
}

/** The property names that the schema knows at `path`, through defaults, optionals and unions. */
function keysAt(definition: Definition, path: readonly PropertyKey[]): string[] {
  if (definition.innerType) return keysAt(definition.innerType.def, path)
  if (definition.in) return keysAt(definition.in.def, path)
  if (definition.options) return [...new Set(definition.options.flatMap((option) => keysAt(option.def, path)))]
  const [head, ...rest] = path
  if (head === undefined) return Object.keys(definition.shape ?? {})
  const next = definition.shape?.[String(head)] ?? definition.element ?? definition.valueType
  return next ? keysAt(next.def, rest) : []
}

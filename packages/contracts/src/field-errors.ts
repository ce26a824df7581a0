import type { z } from 'zod'
import { FieldError, type FieldErrorCode } from './errors.js'
import { nearest } from './strings.js'

type Issue = z.core.$ZodIssue
/** What the walk below needs to know of a zod schema. */
interface Node {
  def: {
    innerType?: Node
    in?: Node
    options?: Node[]
    element?: Node
    valueType?: Node
    shape?: Record<string, Node>
    /** Of a literal. */
    values?: unknown[]
    /** Bounds of a number, among others. */
    checks?: { _zod: { def: { check: string; value?: number; inclusive?: boolean } } }[]
  }
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
  const node = schema as Node
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(node, issue.path)
    return issue.keys.map((key) => {
      // Known all the same: to another kind of objective, optimizer, …
      if (known.includes(key)) return conflict(node, issue.path, path, key)
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
  const hint = hintOf(issue) ?? rangeAt(node, issue.path)
  return [{ pointer: toPointer(path), code: codeOf(issue), message: messageOf(issue), ...(hint && { hint }) }]
}

/** A key beside a `kind` to which it does not belong. */
function conflict(node: Node, at: readonly PropertyKey[], path: readonly PropertyKey[], key: string): FieldError {
  const kinds = kindsWith(node, at, key).join(' or ')
  return {
    pointer: toPointer([...path, key]),
    code: 'conflicting-options',
    message: `"${key}" goes with kind ${kinds} only`,
    hint: `leave "${key}" out, or set "kind" to ${kinds}`,
  }
}

const depth = (issues: readonly Issue[]) => Math.max(0, ...issues.map((issue) => issue.path.length))
const isMissing = (issue: Issue) => issue.code === 'invalid_type' && issue.message.endsWith('received undefined')

function codeOf(issue: Issue): FieldErrorCode {
  if (issue.code === 'custom') {
    const code = FieldError.shape.code.safeParse(issue.params?.['code'])
    return code.success ? code.data : 'invalid'
  }
  if (isMissing(issue)) return 'required'
  // A fraction for a count, or a number like 1e999 that JSON.parse makes infinite.
  if (issue.code === 'invalid_type') return typeof issue.input === 'number' ? 'out-of-range' : 'wrong-type'
  if (issue.code === 'invalid_value' || issue.code === 'invalid_union') return 'not-allowed'
  if (issue.code === 'invalid_format' || issue.code === 'invalid_key') return 'invalid-string'
  if (issue.code === 'too_big') return issue.origin === 'string' ? 'too-long' : 'out-of-range'
  if (issue.code === 'too_small') return 'out-of-range'
  return 'invalid'
}

function messageOf(issue: Issue): string {
  if (isMissing(issue)) return 'is required'
  if (issue.code === 'invalid_union') return 'is not one of the kinds there are'
  if (issue.code === 'invalid_type' && issue.expected === 'int') return 'must be a whole number'
  const message = issue.message.replace(/^Invalid input: /, '').replace(/^Too (small|big): /, '')
  return message.charAt(0).toLowerCase() + message.slice(1)
}

function hintOf(issue: Issue): string | undefined {
  if (issue.code === 'custom' && typeof issue.params?.['hint'] === 'string') return issue.params['hint']
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

/** The schemas at `path`, through defaults and optionals: several below a union. */
function nodesAt(node: Node, path: readonly PropertyKey[]): Node[] {
  const { innerType, in: input, options, shape, element, valueType } = node.def
  if (innerType) return nodesAt(innerType, path)
  if (input) return nodesAt(input, path)
  if (options) return options.flatMap((option) => nodesAt(option, path))
  const [head, ...rest] = path
  if (head === undefined) return [node]
  const next = shape?.[String(head)] ?? element ?? valueType
  return next ? nodesAt(next, rest) : []
}

const keysAt = (node: Node, path: readonly PropertyKey[]): string[] => [
  ...new Set(nodesAt(node, path).flatMap(({ def }) => Object.keys(def.shape ?? {}))),
]

/** The kinds of a union's variants that have the key. */
const kindsWith = (node: Node, path: readonly PropertyKey[], key: string): string[] =>
  nodesAt(node, path)
    .filter(({ def }) => def.shape && key in def.shape)
    .flatMap(({ def }) => def.shape?.['kind']?.def.values?.map(String) ?? [])

/** The bounds of a number, where it has its own. */
function rangeAt(node: Node, path: readonly PropertyKey[]): string | undefined {
  const checks = nodesAt(node, path)[0]?.def.checks?.map(({ _zod: { def } }) => def) ?? []
  const bound = (kind: string) => checks.find(({ check }) => check === kind)
  const [low, high] = [bound('greater_than'), bound('less_than')]
  if (low?.value === undefined || high?.value === undefined) return undefined
  return `from ${low.value} to ${high.inclusive ? '' : 'below '}${high.value}`
}

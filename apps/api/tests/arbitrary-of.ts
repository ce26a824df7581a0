import fc from 'fast-check'

/** What is read of a JSON Schema. */
export interface Schema {
  type?: string
  enum?: unknown[]
  const?: unknown
  anyOf?: Schema[]
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  additionalProperties?: boolean | Schema
  propertyNames?: Schema
  items?: Schema
  minItems?: number
  minimum?: number
  maximum?: number
  exclusiveMaximum?: number
  maxLength?: number
  pattern?: string
  format?: string
  $ref?: string
  $defs?: Record<string, Schema>
}

/** What no schema asks for: other types, hostile text, numbers at the edges, keys of prototypes. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.double(),
  fc.constantFrom<unknown>(
    '\u0000',
    '\ud800',
    '\u202e',
    '../..',
    "';--",
    '%00',
    'constructor',
    '__proto__',
    'x'.repeat(20_000),
  ),
  fc.constantFrom<unknown>(
    -0,
    -1,
    2 ** 53,
    1e308,
    5e-324,
    null,
    true,
    [],
    {},
    { kind: 'adam' },
    Array.from({ length: 1001 }, () => ({})),
  ),
)

/** Values that the schema takes, or nearly: its bounds and what lies just beyond them come often. */
export function arbitraryOf(schema: Schema, defs = schema.$defs ?? {}): fc.Arbitrary<unknown> {
  const of = (inner: Schema) => arbitraryOf(inner, defs)
  if (schema.$ref !== undefined) return of(defs[schema.$ref.replace('#/$defs/', '')]!)
  if ('const' in schema) return fc.constant(schema.const)
  if (schema.enum) return fc.constantFrom(...schema.enum)
  const variants = schema.oneOf ?? schema.anyOf
  if (variants) return fc.oneof(...variants.map(of))
  if (schema.type === 'object') return objectOf(schema, of)
  if (schema.type === 'array')
    return fc.array(of(schema.items ?? {}), { minLength: schema.minItems ?? 0, maxLength: 3 })
  if (schema.type === 'integer' || schema.type === 'number') return numberOf(schema)
  if (schema.type === 'string') return textOf(schema)
  if (schema.type === 'boolean') return fc.boolean()
  return schema.type === 'null' ? fc.constant(null) : junk
}

function objectOf(
  { properties = {}, required = [], additionalProperties, propertyNames }: Schema,
  of: typeof arbitraryOf,
) {
  const known = fc.record(Object.fromEntries(Object.entries(properties).map(([key, inner]) => [key, of(inner)])), {
    requiredKeys: required,
  })
  if (typeof additionalProperties !== 'object') return known
  return fc.dictionary(of(propertyNames ?? { type: 'string' }).map(String), of(additionalProperties), { maxKeys: 3 })
}

function numberOf({ type, minimum = -1e9, maximum, exclusiveMaximum }: Schema): fc.Arbitrary<number> {
  const [low, high] = [Math.max(minimum, -1e9), Math.min(maximum ?? exclusiveMaximum ?? 1e9, 1e9)]
  const within =
    type === 'integer' ? fc.integer({ min: low, max: high }) : fc.double({ min: low, max: high, noNaN: true })
  return fc.oneof(
    { weight: 3, arbitrary: within },
    { weight: 1, arbitrary: fc.constantFrom(low, high, low - 1, high + 1) },
  )
}

function textOf({ pattern, format, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid()
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString())
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern))
  return fc.string({ maxLength: Math.min(maxLength, 40) })
}

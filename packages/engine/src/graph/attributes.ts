import { dtypeNumbers, type GraphDtype, graphBackend } from './native.js'
import type { AttributeValue } from './messages.js'

/** An attribute as kernels hand it to the binding. */
export interface RawAttribute {
  name: string
  type: number
  value: unknown
}

const dtypeNames = new Map<unknown, GraphDtype>(
  Object.entries(dtypeNumbers).map(([name, number]) => [number, name as GraphDtype]),
)

/** Attributes in the words of a graph. `fail` gets what is wrong with one that has no counterpart. */
export function attributesOf(
  attributes: readonly RawAttribute[],
  fail: (problem: string) => never,
): Record<string, AttributeValue> {
  return Object.fromEntries(
    attributes.map((attribute) => [
      attribute.name,
      valueOf(attribute) ?? fail(`has the attribute ${attribute.name}, which no graph can hold`),
    ]),
  )
}

function valueOf({ type, value }: RawAttribute): AttributeValue | null {
  const { binding } = graphBackend()
  const numbers = Array.isArray(value) ? (value as number[]) : null
  switch (type) {
    case binding.TF_ATTR_INT:
      return numbers ? { ints: numbers } : { int: value as number }
    case binding.TF_ATTR_FLOAT:
      return numbers ? { floats: numbers } : { float: value as number }
    case binding.TF_ATTR_BOOL:
      return numbers ? null : { bool: Boolean(value) }
    case binding.TF_ATTR_STRING:
      return { text: value as string }
    case binding.TF_ATTR_SHAPE:
      return numbers ? { shape: numbers } : null
    case binding.TF_ATTR_TYPE: {
      const dtype = dtypeNames.get(value)
      return dtype ? { type: dtype } : null
    }
    default:
      return null
  }
}

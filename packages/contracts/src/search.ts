// How a sweep finds its configurations: one variant per method, of which packages/search has the code.
import { z } from 'zod'
import { specPaths } from './spec-paths.js'
import { nearest, text } from './strings.js'

/** What a searched key of a spec is set to. */
export const ParameterValue = z.union([z.number(), text(200), z.boolean()])
export type ParameterValue = z.infer<typeof ParameterValue>

/** One choice for every searched key, by its path. */
export const Configuration = z.record(z.string(), ParameterValue)
export type Configuration = z.infer<typeof Configuration>

const MAX_PARAMETERS = 20
const MAX_VALUES = 1000

const values = z
  .array(ParameterValue)
  .min(1)
  .max(MAX_VALUES)
  .refine((list) => new Set(list).size === list.length, { message: 'must not name a value twice' })

const range = (bound: z.ZodNumber) =>
  z.strictObject({ min: bound, max: bound }).refine(({ min, max }) => min < max, {
    path: ['max'],
    message: 'must be more than min',
    params: { code: 'out-of-range' },
  })

/** Every value is tried. */
const GridParameter = z.strictObject({ values })
export type GridParameter = z.infer<typeof GridParameter>

const drawn = {
  /** Each as likely as the others. */
  values,
  /** Every number of the range as likely as any other. */
  uniform: range(z.number()),
  /** The same for its logarithm: what a learning rate wants. */
  logUniform: range(z.number().positive()),
  /** Whole numbers, both ends included. */
  int: range(z.int()),
}
const RandomParameter = z
  .strictObject(drawn)
  .partial()
  .refine((given) => Object.keys(given).length === 1, {
    message: `give exactly one of ${Object.keys(drawn).join(', ')}`,
    params: { code: 'conflicting-options' },
  })
export type RandomParameter = z.infer<typeof RandomParameter>

/** By the path of a key in the spec. */
const parametersOf = <T extends z.ZodType>(parameter: T) =>
  z.record(z.string().max(100), parameter).superRefine((given, context) => {
    const paths = Object.keys(given)
    const refuse = (message: string, params: object, path: string[] = []) =>
      context.addIssue({ code: 'custom', message, path, params })
    if (paths.length === 0)
      refuse('must name at least one key of the spec: a sweep needs something to vary', { code: 'required' })
    if (paths.length > MAX_PARAMETERS) refuse(`at most ${MAX_PARAMETERS} parameters`, { code: 'too-long' })
    for (const path of paths) {
      if (specPaths.includes(path)) continue
      const guess = nearest(path, specPaths)
      const hint = guess === undefined ? 'a path such as optimizer.criticLearningRate' : `did you mean "${guess}"?`
      refuse(`a spec has no key "${path.slice(0, 64)}"`, { code: 'unknown-property', hint }, [path])
    }
  })

/** Every combination of the values; the last parameter changes fastest. */
export const GridSearch = z.strictObject({ kind: z.literal('grid'), parameters: parametersOf(GridParameter) })
export type GridSearch = z.infer<typeof GridSearch>

/** Independent draws. More trials of the same seed begin with the same ones, and another parameter leaves the others' values alone. */
export const RandomSearch = z.strictObject({
  kind: z.literal('random'),
  /** Configurations to draw. */
  trials: z.int().min(1).max(1_000_000_000),
  /** Drawn and stored when absent. */
  seed: z.int().min(0).max(2_147_483_647).optional(),
  parameters: parametersOf(RandomParameter),
})
export type RandomSearch = z.infer<typeof RandomSearch>

export const Search = z.discriminatedUnion('kind', [GridSearch, RandomSearch]).meta({ id: 'Search' })
export type Search = z.infer<typeof Search>

import { createHash } from 'node:crypto'
import type { Configuration, ParameterValue, RandomParameter, RandomSearch } from '@kantor/contracts'

/** Independent draws, one configuration per trial; lists of values are drawn from with replacement. */
export const listRandom = ({ trials, seed, parameters }: RandomSearch & { seed: number }): Configuration[] =>
  Array.from({ length: trials }, (_, trial) =>
    Object.fromEntries(
      Object.entries(parameters).map(([path, parameter]) => [path, draw(parameter, uniform(seed, path, trial))]),
    ),
  )

/**
 * A number in [0, 1), on the grid of 2^-53 that doubles have there. It depends on the three alone: more trials, or another parameter,
 * change no value that was there before.
 */
function uniform(seed: number, path: string, trial: number): number {
  const hash = createHash('sha256').update(`${seed} ${trial} ${path}`).digest()
  return Number(hash.readBigUInt64BE() >> 11n) / 2 ** 53
}

function draw({ values, uniform: range, logUniform, int }: RandomParameter, u: number): ParameterValue {
  if (values) return values[Math.floor(u * values.length)]!
  if (int) return between(int.min, int.max, int.min + Math.floor(u * (int.max - int.min + 1)))
  if (range) return between(range.min, range.max, range.min + u * (range.max - range.min))
  const { min, max } = logUniform!
  return between(min, max, Math.exp(Math.log(min) + u * (Math.log(max) - Math.log(min))))
}

/** Rounding may lead a hair beyond the ends. */
const between = (min: number, max: number, value: number): number => Math.min(max, Math.max(min, value))

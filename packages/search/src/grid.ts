import type { Configuration, GridSearch } from '@kantor/contracts'

export const countGrid = ({ parameters }: GridSearch): bigint =>
  Object.values(parameters).reduce((product, { values }) => product * BigInt(values.length), 1n)

/** Every combination; the last parameter changes fastest. */
export const listGrid = ({ parameters }: GridSearch): Configuration[] =>
  Object.entries(parameters).reduce<Configuration[]>(
    (configurations, [path, { values }]) =>
      configurations.flatMap((configuration) => values.map((value) => ({ ...configuration, [path]: value }))),
    [{}],
  )

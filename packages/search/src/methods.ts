import type { Configuration, GridSearch, RandomSearch } from '@kantor/contracts'
import { countGrid, listGrid } from './grid.js'
import { listRandom } from './random.js'

/** A search with nothing left open. */
export type SettledSearch = GridSearch | (RandomSearch & { seed: number })
type Of<K extends SettledSearch['kind']> = Extract<SettledSearch, { kind: K }>

interface Method<K extends SettledSearch['kind']> {
  /** Without making one of them. */
  count: (search: Of<K>) => bigint
  /** In the order of the trials. */
  list: (search: Of<K>) => Configuration[]
}

const methods: { [K in SettledSearch['kind']]: Method<K> } = {
  grid: { count: countGrid, list: listGrid },
  random: { count: ({ trials }) => BigInt(trials), list: listRandom },
}

const methodOf = <K extends SettledSearch['kind']>({ kind }: Of<K>): Method<K> => methods[kind as K]

/** How many configurations a search has; a grid of 20 parameters with 1000 values each is counted as fast as any other. */
export const countConfigurations = (search: SettledSearch): bigint => methodOf(search).count(search as never)

/** All of them: count first. */
export const listConfigurations = (search: SettledSearch): Configuration[] => methodOf(search).list(search as never)

import type { ProbeName } from './probes.js'

/** Generator steps between two looks: each costs a few forward passes, so that all together stay below a hundredth of the training (of the widest MLPs some hundredths). */
export const every = { slopes: 50, layers: 100, scores: 100 } as const satisfies Record<ProbeName, number>

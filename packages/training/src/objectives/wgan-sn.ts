import { tf } from '@kantor/engine'
import type { Objective } from './objective.js'

/** Nothing but the estimate: the critic's own spectral norm bounds its slope (Miyato et al. 2018). */
export const wganSn = (): Objective => ({
  criticTerms: (score, { realNHWC, fakeNHWC }) => [tf.mean(score(realNHWC)), tf.mean(score(fakeNHWC))],
  criticWeights: [1, -1],
  generatorTerm: (fakeScoresN) => tf.mean(fakeScoresN),
  interpolates: false,
  criticPasses: 2,
})

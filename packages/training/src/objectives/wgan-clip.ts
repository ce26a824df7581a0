import type { WganClip } from '@kantor/contracts'
import { tf } from '@kantor/engine'
import type { Parameter } from '../architectures/parameter.js'
import type { Player } from '../player.js'
import type { Objective } from './objective.js'

/** Weight clipping (Arjovsky et al. 2017, Algorithm 1): critic weights live in the box [−c, c]. */
export function wganClip({ clip, clamp, clipBatchNorm }: WganClip): Objective {
  const holds = ({ role }: Parameter): boolean => role !== 'batch-norm' || clipBatchNorm
  const clampCritic = (critic: Player): void => {
    for (const { parameter, variable } of critic.trained) {
      if (holds(parameter)) variable.assign(tf.clipByValue(variable, -clip, clip))
    }
  }
  return {
    criticTerms: (score, { realNHWC, fakeNHWC }) => [tf.mean(score(realNHWC)), tf.mean(score(fakeNHWC))],
    criticWeights: [1, -1],
    generatorTerm: (fakeScoresN) => tf.mean(fakeScoresN),
    interpolates: false,
    clamp: { bound: clip, holds },
    criticPasses: 2,
    ...(clamp === 'before' ? { beforeCriticUpdate: clampCritic } : { afterCriticUpdate: clampCritic }),
  }
}

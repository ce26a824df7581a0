import type { Objective as ObjectiveSpec, ObjectiveKind } from '@kantor/contracts'
import { hinge } from './hinge.js'
import { leastSquares } from './least-squares.js'
import { minimax } from './minimax.js'
import { nonSaturating } from './non-saturating.js'
import type { Objective } from './objective.js'
import { wganClip } from './wgan-clip.js'
import { wganDiv } from './wgan-div.js'
import { wganGp } from './wgan-gp.js'
import { wganSn } from './wgan-sn.js'

type Create<K extends ObjectiveKind> = (spec: Extract<ObjectiveSpec, { kind: K }>) => Objective

const objectives = {
  'wgan-clip': wganClip,
  'wgan-gp': wganGp,
  'wgan-div': wganDiv,
  'wgan-sn': wganSn,
  'non-saturating': nonSaturating,
  minimax,
  'least-squares': leastSquares,
  hinge,
} satisfies { [K in ObjectiveKind]: Create<K> }

export function createObjective(spec: ObjectiveSpec): Objective {
  const create = objectives[spec.kind] as Create<ObjectiveKind>
  return create(spec)
}

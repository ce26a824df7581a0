import type { Objective as ObjectiveSpec, ObjectiveKind } from '@kantor/contracts'
import type { Objective } from './objective.js'
import { wganClip } from './wgan-clip.js'
import { wganGp } from './wgan-gp.js'

type Create<K extends ObjectiveKind> = (spec: Extract<ObjectiveSpec, { kind: K }>) => Objective

const objectives = {
  'wgan-clip': wganClip,
  'wgan-gp': wganGp,
} satisfies { [K in ObjectiveKind]: Create<K> }

export function createObjective(spec: ObjectiveSpec): Objective {
  const create = objectives[spec.kind] as Create<ObjectiveKind>
  return create(spec)
}

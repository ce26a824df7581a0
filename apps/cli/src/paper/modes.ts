import { drawAt, type Mode } from '@kantor/datasets'
import { readMlp } from './mlp.js'

/** Points per judgement, as in PacGAN's protocol. */
const NUM_SAMPLES = 2500
const LATENTS = 2
const SEED = 20

export interface Coverage {
  /** The points themselves, x and y in turn. */
  points: Float64Array
  /** Modes with at least one high-quality sample. */
  covered: number
  /** Share of samples within three deviations of a mode's centre. */
  highQuality: number
  /** KL(samples over modes ‖ uniform), of the high-quality samples. */
  reverseKl: number
}

/** Lin et al. 2018: the nearest centre takes each sample, which is of high quality within three deviations of it. */
export function judgeModes(checkpoint: Uint8Array, modes: readonly Mode[]): Coverage {
  const { forward } = readMlp(checkpoint, 'netG.')
  const points = new Float64Array(2 * NUM_SAMPLES)
  const hits = modes.map(() => 0)
  let highQuality = 0
  for (let i = 0; i < NUM_SAMPLES; i++) {
    const draw = drawAt(SEED, i)
    const point = forward(Array.from({ length: LATENTS }, draw.normal))
    points.set(point, 2 * i)
    const away = modes.map(({ centre, deviation }) => distance(point, centre) / deviation)
    const nearest = away.indexOf(Math.min(...away))
    if ((away[nearest] as number) >= 3) continue
    highQuality++
    hits[nearest] = (hits[nearest] as number) + 1
  }
  const shares = hits.filter((hit) => hit > 0).map((hit) => hit / highQuality)
  return {
    points,
    covered: shares.length,
    highQuality: highQuality / NUM_SAMPLES,
    reverseKl: shares.reduce((sum, share) => sum + share * Math.log(share * modes.length), 0),
  }
}

const distance = (a: ArrayLike<number>, b: readonly number[]) =>
  Math.hypot((a[0] as number) - (b[0] as number), (a[1] as number) - (b[1] as number))

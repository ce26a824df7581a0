import { writeFile } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'
import type { JobSpec, Neighbours } from '@kantor/contracts'
import { openImages } from '@kantor/datasets'
import { nearestTraining } from '@kantor/training'

interface Wanted {
  imagesDirectory: string
  sheetFile: string
  spec: Pick<JobSpec, 'model' | 'heldOut'>
  k: number
}

/** Looks for the training images nearest to `generated` ones, and writes each of these with its neighbours behind it to `sheetFile`. */
export async function findNeighbours(
  generated: Uint8Array,
  { imagesDirectory, sheetFile, spec, k }: Wanted,
): Promise<Neighbours> {
  // Drawing takes seconds, this may take minutes: training goes first.
  setPriority(constants.priority.PRIORITY_LOW)
  const images = openImages(imagesDirectory)
  try {
    const neighbours = await nearestTraining({ generated, images, spec, k })
    const imageBytes = images.imageSize ** 2 * images.channels
    const rows = neighbours.images.flatMap(({ image, nearest }) => [
      generated.subarray(image * imageBytes, (image + 1) * imageBytes),
      images.read(Int32Array.from(nearest, ({ index }) => index)),
    ])
    await writeFile(sheetFile, Buffer.concat(rows))
    return neighbours
  } finally {
    images.close()
  }
}

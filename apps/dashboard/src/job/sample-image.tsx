import type { Sample } from '@kantor/contracts'
import styles from './sample-grid.module.css'

/** Width and height of a grid in its own pixels. */
export function gridSize(sample: Sample): { width: number; height: number } {
  const pitch = sample.tileSize + sample.padding
  const rows = Math.ceil(sample.numImages / sample.columns)
  return { width: sample.columns * pitch + sample.padding, height: rows * pitch + sample.padding }
}

/** A grid enlarged by a whole number of device pixels, so that every pixel of the model stays a square. */
export function SampleImage({ sample, url, room }: { sample: Sample; url: string; room: number }) {
  const { width, height } = gridSize(sample)
  const factor = Math.max(1, Math.floor((room / width) * devicePixelRatio)) / devicePixelRatio
  const shown = Math.min(room, width * factor)
  return (
    <img
      src={url}
      width={shown}
      height={(shown * height) / width}
      className={styles['grid']}
      alt={`${sample.points ? `${sample.points.count} generated points` : `${sample.numImages} generated images`} at generator step ${sample.step}`}
    />
  )
}

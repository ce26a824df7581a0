import { Anchor, Skeleton } from '@mantine/core'
import { useElementSize } from '@mantine/hooks'
import type { Sample } from '@kantor/contracts'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { sampleBytesQuery } from '../api.js'
import { bytes, count } from '../format.js'
import { Failure } from '../frame/notices.js'
import { useObjectUrl } from '../use-object-url.js'
import styles from './sample-grid.module.css'

/** One PNG grid, enlarged by a whole factor so that every pixel of the model stays a square. */
export function SampleGrid({ sample, jobName }: { sample: Sample; jobName: string }) {
  const image = useQuery({ ...sampleBytesQuery(sample.id), placeholderData: keepPreviousData })
  const url = useObjectUrl(image.data, 'image/png')
  const { ref, width: room } = useElementSize<HTMLDivElement>()
  const pitch = sample.tileSize + sample.padding
  const rows = Math.ceil(sample.numImages / sample.columns)
  const width = sample.columns * pitch + sample.padding
  const height = rows * pitch + sample.padding
  // Whole device pixels: on a dense screen a factor of 1.5 is crisp too.
  const density = window.devicePixelRatio
  const factor = Math.max(1, Math.floor((room / width) * density)) / density
  const shown = Math.min(room, width * factor)

  if (image.isError && !image.data) return <Failure error={image.error} retry={() => void image.refetch()} />
  return (
    <figure ref={ref} className={styles['figure']}>
      {url === undefined || room === 0 ? (
        <Skeleton h={room === 0 ? 260 : (shown * height) / width} />
      ) : (
        <img
          src={url}
          width={shown}
          height={(shown * height) / width}
          className={styles['grid']}
          alt={`${sample.numImages} generated images at generator step ${sample.step}`}
        />
      )}
      <figcaption className={styles['caption']}>
        <span>
          {count(sample.numImages)} images, {sample.tileSize} × {sample.tileSize}, the same latents at every step
        </span>
        {url !== undefined && (
          <Anchor href={url} download={`${jobName}-step-${sample.step}.png`} size="xs">
            PNG, {bytes(sample.sizeBytes)}
          </Anchor>
        )}
      </figcaption>
    </figure>
  )
}

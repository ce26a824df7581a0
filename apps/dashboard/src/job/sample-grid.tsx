import { Anchor, Modal, Skeleton, UnstyledButton } from '@mantine/core'
import { useDisclosure, useElementSize, useViewportSize } from '@mantine/hooks'
import type { Sample } from '@kantor/contracts'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { explain, sampleBytesQuery } from '../api.js'
import { bytes, count } from '../format.js'
import { useObjectUrl } from '../use-object-url.js'
import styles from './sample-grid.module.css'
import { gridSize, SampleImage } from './sample-image.js'

/** One PNG grid; a click shows it as large as the window allows. */
export function SampleGrid({ sample, jobName }: { sample: Sample; jobName: string }) {
  const image = useQuery({ ...sampleBytesQuery(sample.id), placeholderData: keepPreviousData })
  const url = useObjectUrl(image.data, 'image/png')
  const { ref, width: room } = useElementSize<HTMLElement>()
  const view = useViewportSize()
  const [large, { open, close }] = useDisclosure(false)
  const { width, height } = gridSize(sample)
  const title = `${jobName}, generator step ${count(sample.step)}`
  // The dialog's own margins, in pixels.
  const largest = Math.min(view.width - 64, (view.height - 160) * (width / height))

  return (
    <figure ref={ref} className={styles['figure']}>
      {url === undefined || room === 0 ? (
        <Skeleton h={260} />
      ) : (
        <UnstyledButton onClick={open} className={styles['open']} aria-label="Enlarge the samples">
          <SampleImage sample={sample} url={url} room={room} />
        </UnstyledButton>
      )}
      {image.isError && (
        <p role="alert" className={styles['failure']}>
          {explain(image.error)}
        </p>
      )}
      <figcaption className={styles['caption']}>
        <span>
          {sample.points
            ? `${count(sample.points.count)} points over real ones, by their first two of ${sample.points.dimensions} coordinates`
            : `${count(sample.numImages)} images of ${sample.tileSize} × ${sample.tileSize}`}
          , same latents at every step
        </span>
        {url !== undefined && (
          <Anchor href={url} download={`${jobName}-step-${sample.step}.png`} size="xs">
            PNG, {bytes(sample.sizeBytes)}
          </Anchor>
        )}
      </figcaption>
      {url !== undefined && (
        <Modal opened={large} onClose={close} title={title} size="auto">
          <SampleImage sample={sample} url={url} room={largest} />
        </Modal>
      )}
    </figure>
  )
}

import { ActionIcon, Button, Skeleton, Slider } from '@mantine/core'
import { useInterval } from '@mantine/hooks'
import { isTerminal, type Job, type Sample } from '@kantor/contracts'
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { sampleBytesQuery, samplesQuery } from '../api.js'
import { count } from '../format.js'
import { PauseIcon, PlayIcon } from '../frame/icons.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { SampleGrid } from './sample-grid.js'
import styles from './samples-panel.module.css'

const frameMs = 300

/** The same latents through the whole run: the newest grid, and a slider back to the first. */
export function SamplesPanel({ job, onStep }: { job: Job; onStep: (step: number | null) => void }) {
  const samples = useInfiniteQuery(samplesQuery(job))
  const timeline = (samples.data?.pages.flatMap((page) => page.items) ?? []).sort((a, b) => a.step - b.step)
  const [chosenId, setChosenId] = useState<string | null>(null)
  const chosen = timeline.findIndex(({ id }) => id === chosenId)
  const last = timeline.length - 1
  // Nothing chosen means: follow the newest.
  const index = chosen === -1 ? last : chosen
  const sample = timeline[index]
  const choose = (to: number) => {
    const next = to >= last ? undefined : timeline[to]
    setChosenId(next?.id ?? null)
    onStep(next?.step ?? null)
  }
  const film = usePlay(index, last, choose)
  usePrefetch(timeline[index + 1] ?? timeline[0])

  return (
    <Section title="Samples" aside={sample && <Caption sample={sample} newest={index === last} />}>
      <div className={styles['body']}>
        {samples.isPending && <Skeleton h={260} aria-label="Loading samples" />}
        {samples.isError && !samples.data && <Failure error={samples.error} retry={() => void samples.refetch()} />}
        {samples.isSuccess && !sample && (
          <Empty title={isTerminal(job.state) ? 'No samples' : 'No samples yet'}>
            The first grid is drawn before training, then every {count(job.spec.sampling.every)} generator steps.
          </Empty>
        )}
        {sample && <SampleGrid sample={sample} jobName={job.name} />}
        {sample && last > 0 && (
          <div className={styles['timeline']}>
            <ActionIcon
              variant="default"
              onClick={film.toggle}
              aria-label={film.playing ? 'Pause' : 'Play the samples'}
            >
              {film.playing ? <PauseIcon /> : <PlayIcon />}
            </ActionIcon>
            <Slider
              className={styles['slider']}
              aria-label="Sample by generator step"
              size="sm"
              min={0}
              max={last}
              value={index}
              onChange={choose}
              label={(at) => `step ${count(timeline[at]?.step)}`}
              thumbProps={{ 'aria-valuetext': `generator step ${sample.step}` }}
            />
          </div>
        )}
        {samples.hasNextPage && (
          <Button loading={samples.isFetchingNextPage} onClick={() => void samples.fetchNextPage()}>
            Earlier samples
          </Button>
        )}
      </div>
    </Section>
  )
}

const Caption = ({ sample, newest }: { sample: Sample; newest: boolean }) => (
  <span className="faded">
    step {count(sample.step)}
    {newest && ' · newest'}
  </span>
)

/** Runs through the timeline once, from the start when it stands at the end. */
function usePlay(index: number, last: number, choose: (index: number) => void) {
  const { start, stop, active } = useInterval(() => choose(index + 1), frameMs)
  const atEnd = index >= last
  useEffect(() => {
    if (atEnd) stop()
  }, [atEnd, stop])
  const toggle = () => {
    if (active) return stop()
    if (atEnd) choose(0)
    start()
  }
  return { playing: active, toggle }
}

function usePrefetch(sample: Sample | undefined): void {
  const queries = useQueryClient()
  const id = sample?.id
  useEffect(() => {
    if (id !== undefined) void queries.prefetchQuery(sampleBytesQuery(id))
  }, [id, queries])
}

import { ActionIcon, Loader, Skeleton, Tooltip } from '@mantine/core'
import { type Checkpoint, isTerminal, type Job } from '@kantor/contracts'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { api, checkpointsQuery, explain } from '../api.js'
import { bytes, count, moment } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { DownloadIcon, PinIcon } from '../frame/icons.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import { saveFile } from '../frame/save-file.js'
import { useMay } from '../task-queries.js'
import { CheckpointMenu } from '../tasks/checkpoint-menu.js'
import styles from './records.module.css'

export function CheckpointsPanel({ job }: { job: Job }) {
  const checkpoints = useQuery(checkpointsQuery(job))
  const items = checkpoints.data?.items ?? []
  return (
    <Section
      title="Checkpoints"
      aside={<span className="faded">newest {count(job.spec.checkpoint.keep)} and pinned are kept</span>}
    >
      {checkpoints.isPending && <Skeleton h={48} m="md" aria-label="Loading checkpoints" />}
      {checkpoints.isError && !checkpoints.data && (
        <Failure error={checkpoints.error} retry={() => void checkpoints.refetch()} />
      )}
      {checkpoints.isSuccess && items.length === 0 && (
        <Empty title={isTerminal(job.state) ? 'No checkpoints' : 'No checkpoints yet'}>
          Written every {count(job.spec.checkpoint.everySteps)} generator steps and at the end.
        </Empty>
      )}
      {items.length > 0 && (
        <div className={styles['scroll']}>
          <table className={styles['table']}>
            <thead>
              <tr>
                <th>Step</th>
                <th>Size</th>
                <th>SHA-256</th>
                <th>
                  <span className={styles['hidden']}>Pin, download or use</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((checkpoint) => (
                <CheckpointRow key={checkpoint.id} checkpoint={checkpoint} job={job} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

function CheckpointRow({ checkpoint, job }: { checkpoint: Checkpoint; job: Job }) {
  const { id, step, sha256, sizeBytes, quarantined, pinned, createdAt, jobId } = checkpoint
  const download = useMutation({
    mutationFn: () => api().downloadCheckpoint({ params: { id } }),
    onSuccess: (file) => saveFile(file, `${job.name}-step-${step}.safetensors`),
  })
  const queries = useQueryClient()
  const pin = useMutation({
    mutationFn: () => (pinned ? api().unpinCheckpoint({ params: { id } }) : api().pinCheckpoint({ params: { id } })),
    onSuccess: () => queries.invalidateQueries({ queryKey: ['checkpoints', jobId] }),
  })
  const mayAsk = useMay('submit')
  const failure = download.error ?? pin.error
  return (
    <tr title={moment(createdAt)}>
      <td>
        {count(step)}
        {quarantined && (
          <Tooltip label="Its bytes did not match their hash, or a roll-back gave it up; no attempt resumes from it.">
            <span className={styles['bad']}> put aside</span>
          </Tooltip>
        )}
      </td>
      <td>{bytes(sizeBytes)}</td>
      <td>
        <Copyable value={sha256} short={sha256.slice(0, 12)} name="SHA-256" />
        {failure && <div className={styles['bad']}>{explain(failure)}</div>}
      </td>
      <td className={styles['end']}>
        <Tooltip label={pinned ? 'Pinned: it stays until unpinned' : 'Pin it: it stays whatever comes after'}>
          <ActionIcon
            variant="subtle"
            color={pinned ? undefined : 'gray'}
            onClick={() => pin.mutate()}
            disabled={pin.isPending || !mayAsk}
            aria-pressed={pinned}
            aria-label={`Pin the checkpoint of step ${step}`}
          >
            <PinIcon filled={pinned} />
          </ActionIcon>
        </Tooltip>
        <ActionIcon
          variant="subtle"
          color="gray"
          onClick={() => download.mutate()}
          disabled={download.isPending}
          aria-label={`Download the checkpoint of step ${step}`}
        >
          {download.isPending ? <Loader size={14} /> : <DownloadIcon />}
        </ActionIcon>
        {mayAsk && !quarantined && <CheckpointMenu job={job} checkpoint={checkpoint} />}
      </td>
    </tr>
  )
}

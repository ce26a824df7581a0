import { ActionIcon, Loader, Skeleton, Tooltip } from '@mantine/core'
import { type Checkpoint, isTerminal, type Job } from '@kantor/contracts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { api, checkpointsQuery, explain } from '../api.js'
import { bytes, count, moment } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { DownloadIcon } from '../frame/icons.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import styles from './records.module.css'

export function CheckpointsPanel({ job }: { job: Job }) {
  const checkpoints = useQuery(checkpointsQuery(job))
  const items = checkpoints.data?.items ?? []
  return (
    <Section
      title="Checkpoints"
      aside={<span className="faded">newest {count(job.spec.checkpoint.keep)} are kept</span>}
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
                  <span className={styles['hidden']}>Download</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((checkpoint) => (
                <CheckpointRow key={checkpoint.id} checkpoint={checkpoint} jobName={job.name} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

function CheckpointRow({ checkpoint, jobName }: { checkpoint: Checkpoint; jobName: string }) {
  const { id, step, sha256, sizeBytes, quarantined, pinned, createdAt } = checkpoint
  const download = useMutation({
    mutationFn: () => api().downloadCheckpoint({ params: { id } }),
    onSuccess: (file) => save(file, `${jobName}-step-${step}.safetensors`),
  })
  return (
    <tr title={moment(createdAt)}>
      <td>
        {count(step)}
        {quarantined && (
          <Tooltip label="Its bytes did not match their hash; no attempt resumes from it.">
            <span className={styles['bad']}> damaged</span>
          </Tooltip>
        )}
        {pinned && <span className="faded"> pinned</span>}
      </td>
      <td>{bytes(sizeBytes)}</td>
      <td>
        <Copyable value={sha256} short={sha256.slice(0, 12)} name="SHA-256" />
        {download.isError && <div className={styles['bad']}>{explain(download.error)}</div>}
      </td>
      <td className={styles['end']}>
        <ActionIcon
          variant="subtle"
          color="gray"
          onClick={() => download.mutate()}
          disabled={download.isPending}
          aria-label={`Download the checkpoint of step ${step}`}
        >
          {download.isPending ? <Loader size={14} /> : <DownloadIcon />}
        </ActionIcon>
      </td>
    </tr>
  )
}

/** A plain link could not carry the key, so the bytes are fetched and handed to the browser as a file. */
function save(file: Uint8Array, name: string): void {
  const url = URL.createObjectURL(new Blob([file as Uint8Array<ArrayBuffer>], { type: 'application/octet-stream' }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), 60_000)
}

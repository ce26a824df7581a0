import { Skeleton } from '@mantine/core'
import type { Attempt, Job } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { attemptsQuery } from '../api.js'
import { count, duration, moment, nothing, words } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import styles from './records.module.css'

/** Every attempt, newest first: where it ran, what it did, what it used. */
export function AttemptsPanel({ job }: { job: Job }) {
  const attempts = useQuery(attemptsQuery(job))
  const items = (attempts.data?.items ?? []).toReversed()
  const gpu = items.reduce((sum, { usage }) => sum + usage.gpuSeconds, 0)
  return (
    <Section title="Attempts" aside={gpu > 0 && <span className="faded">{duration(gpu)} of GPU in all</span>}>
      {attempts.isPending && <Skeleton h={48} m="md" aria-label="Loading attempts" />}
      {attempts.isError && !attempts.data && <Failure error={attempts.error} retry={() => void attempts.refetch()} />}
      {attempts.isSuccess && items.length === 0 && <Empty title="No worker has taken it yet" />}
      {items.length > 0 && (
        <div className={styles['scroll']}>
          <table className={styles['table']}>
            <thead>
              <tr>
                <th>No</th>
                <th>Host</th>
                <th>Steps</th>
                <th>Time</th>
                <th title="Processor time of the trainer">CPU</th>
                <th>Ended</th>
              </tr>
            </thead>
            <tbody>
              {items.map((attempt) => (
                <AttemptRow key={attempt.attempt} attempt={attempt} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

const AttemptRow = ({ attempt: one }: { attempt: Attempt }) => (
  <tr
    title={`${one.device ?? one.worker} · from ${moment(one.startedAt)}${one.message === null ? '' : ` · ${one.message}`}`}
  >
    <td>{one.attempt}</td>
    <td>{one.host ?? nothing}</td>
    <td>
      {count(one.fromStep)} – {count(one.toStep ?? one.fromStep)}
    </td>
    <td>{duration(one.usage.seconds)}</td>
    <td>{duration(one.usage.cpuSeconds)}</td>
    <td>
      {one.reason === null ? <span className="faded">runs</span> : words(one.reason)}
      {one.exit?.signal && <span className={styles['bad']}> {one.exit.signal}</span>}
      {one.fencedWrites > 0 && (
        <span className="faded" title="They came after the job was no longer this attempt's">
          {' '}
          {count(one.fencedWrites)} {one.fencedWrites === 1 ? 'write' : 'writes'} refused
        </span>
      )}
    </td>
  </tr>
)

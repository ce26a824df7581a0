import { Button, Skeleton } from '@mantine/core'
import type { Worker } from '@kantor/contracts'
import { useMutation, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { api, explain, queries, workersQuery } from '../api.js'
import { duration } from '../format.js'
import { Empty, Failure, Section } from '../frame/notices.js'
import styles from '../job/records.module.css'

/** The machines that train: what each has, does and is worth. */
export function WorkersPage() {
  const workers = useQuery(workersQuery)
  const items = workers.data?.items ?? []
  useEffect(() => {
    document.title = 'Workers · Kantor'
  }, [])

  return (
    <Section title="Workers">
      {workers.isPending && <Skeleton h={48} m="md" aria-label="Loading workers" />}
      {workers.isError && !workers.data && <Failure error={workers.error} retry={() => void workers.refetch()} />}
      {workers.isSuccess && items.length === 0 && (
        <Empty title="No workers">
          Start one with <code>kantor worker</code>.
        </Empty>
      )}
      {items.length > 0 && (
        <div className={styles['scroll']}>
          <table className={styles['table']}>
            <thead>
              <tr>
                <th>Worker</th>
                <th>State</th>
                <th>Device</th>
                <th>Busy</th>
                <th>Same bits twice</th>
                <th>Heartbeat</th>
                <th>
                  <span className={styles['hidden']}>Drain or enable</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {items.map((worker) => (
                <WorkerRow key={worker.id} worker={worker} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

const software = ({ versions }: Worker) =>
  Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ')

function WorkerRow({ worker }: { worker: Worker }) {
  const { id, state, message, slots, busy, determinism } = worker
  const verb = state === 'draining' ? 'enable' : 'drain'
  const tell = useMutation({
    mutationFn: () => (verb === 'drain' ? api().drainWorker : api().enableWorker)({ params: { id } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: workersQuery.queryKey }),
  })
  return (
    <tr>
      <td title={`on ${worker.host}`}>{id}</td>
      <td>
        {state}
        {message !== null && <div className={styles['bad']}>{message}</div>}
        {tell.isError && <div className={styles['bad']}>{explain(tell.error)}</div>}
      </td>
      <td title={software(worker)}>
        {worker.deviceClass}, {worker.device}
      </td>
      <td>
        {busy} of {slots}
      </td>
      <td>{determinism === 'bitwise' ? 'yes' : determinism === null ? '–' : 'not always'}</td>
      <td>{duration(worker.heartbeatAgeSeconds)} ago</td>
      <td className={styles['end']}>
        <Button
          size="compact-xs"
          variant="default"
          loading={tell.isPending}
          disabled={state === 'offline'}
          onClick={() => tell.mutate()}
        >
          {verb === 'drain' ? 'Drain' : 'Enable'}
        </Button>
      </td>
    </tr>
  )
}

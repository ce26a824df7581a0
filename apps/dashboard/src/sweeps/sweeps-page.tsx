import { Button, Skeleton } from '@mantine/core'
import type { Sweep } from '@kantor/contracts'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { sweepsQuery } from '../api.js'
import { moment, roughly } from '../format.js'
import { Empty, Failure } from '../frame/notices.js'
import { StateMark } from '../frame/state-mark.js'
import page from '../jobs/jobs-page.module.css'
import { useNow } from '../use-now.js'
import { SweepProgress } from './sweep-progress.js'
import styles from './sweeps-page.module.css'

/** Every sweep, newest first. */
export function SweepsPage() {
  const sweeps = useInfiniteQuery(sweepsQuery)
  const items = sweeps.data?.pages.flatMap(({ items: some }) => some) ?? []
  const now = useNow(10_000)
  useEffect(() => {
    document.title = 'Sweeps · Kantor'
  }, [])

  return (
    <>
      <div className={page['head']}>
        <h1>Sweeps</h1>
      </div>
      <div className="sheet">
        {sweeps.isPending && <Skeleton h={48} m="md" aria-label="Loading sweeps" />}
        {sweeps.isError && items.length === 0 && <Failure error={sweeps.error} retry={() => void sweeps.refetch()} />}
        {sweeps.isSuccess && items.length === 0 && <NoSweeps />}
        {items.length > 0 && (
          <table className={styles['table']}>
            <thead>
              <tr>
                <th>Sweep</th>
                <th>State</th>
                <th>Search</th>
                <th>Trials</th>
                <th className={styles['number']}>Age</th>
              </tr>
            </thead>
            <tbody>
              {items.map((sweep) => (
                <Row key={sweep.id} sweep={sweep} now={now} />
              ))}
            </tbody>
          </table>
        )}
      </div>
      {sweeps.hasNextPage && (
        <Button mt="md" loading={sweeps.isFetchingNextPage} onClick={() => void sweeps.fetchNextPage()}>
          Older sweeps
        </Button>
      )}
    </>
  )
}

function Row({ sweep, now }: { sweep: Sweep; now: number }) {
  const { id, name, state, search, createdAt } = sweep
  const paths = Object.keys(search.parameters)
  return (
    <tr className={styles['row']}>
      <td className={styles['name']}>
        <Link to="/sweeps/$sweepId" params={{ sweepId: id }} className={styles['link']}>
          {name}
        </Link>
      </td>
      <td className={styles['state']}>
        <StateMark state={state} />
      </td>
      <td className={styles['search']} title={paths.join(', ')}>
        {search.kind} <span className="faded">over {paths.join(', ')}</span>
      </td>
      <td className={styles['progress']}>
        <SweepProgress sweep={sweep} />
      </td>
      <td className={`${styles['number']} ${styles['age']}`} title={moment(createdAt)}>
        {roughly((now - Date.parse(createdAt)) / 1000)}
      </td>
    </tr>
  )
}

const NoSweeps = () => (
  <Empty title="No sweeps yet">
    Submit one with <code>POST /sweeps</code>, for example
    <pre className={page['example']}>
      {`curl ${location.origin}/sweeps -H 'content-type: application/json' \\
  -d '{"name": "first", "spec": {"dataset": "mnist"}, "search": {"kind": "grid",
       "parameters": {"optimizer.criticLearningRate": {"values": [1e-5, 5e-5]}}}}'`}
    </pre>
  </Empty>
)

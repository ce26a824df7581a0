import { Skeleton, Stack } from '@mantine/core'
import { isOwned, type Sweep } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { type ReactNode, useEffect, useMemo, useState } from 'react'
import { sweepQuery, trialsQuery } from '../api.js'
import { count, figure, nothing } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import { Failure } from '../frame/notices.js'
import { StateMark } from '../frame/state-mark.js'
import head from '../job/job-head.module.css'
import page from '../job/job-page.module.css'
import { LintPanel } from '../job/lint-panel.js'
import { countTrials, SweepProgress } from '../sweeps/sweep-progress.js'
import { ranked } from './parameters.js'
import { SweepActions } from './sweep-actions.js'
import styles from './sweep-page.module.css'
import { TrialCurves } from './trial-curves.js'
import { TrialTable } from './trial-table.js'

/** One sweep: how far it is, its trials' curves on one axis, and the trials in a table. */
export function SweepPage({ sweepId }: { sweepId: string }) {
  const { data: sweep, error, isPending, refetch } = useQuery(sweepQuery(sweepId))
  const trials = useQuery(trialsQuery(sweepId))
  const [lifted, setLifted] = useState<string | null>(null)
  const items = useMemo(() => (sweep && trials.data ? ranked(trials.data.items, sweep) : []), [sweep, trials.data])
  const title = sweep?.name
  useEffect(() => {
    document.title = title === undefined ? 'Sweep · Kantor' : `${title} · Kantor`
  }, [title])

  if (isPending) return <Loading />
  if (sweep === undefined) return <Failure error={error} retry={() => void refetch()} />
  return (
    <div className={page['page']}>
      <Head sweep={sweep} />
      <Facts sweep={sweep} />
      <LintPanel lint={sweep.lint} title="Advice on this search" />
      {items.length > 0 && <TrialCurves sweep={sweep} trials={items} lifted={lifted} />}
      {trials.isPending && <Skeleton h={240} aria-label="Loading trials" />}
      {trials.isError && !trials.data && <Failure error={trials.error} retry={() => void trials.refetch()} />}
      {items.length > 0 && <TrialTable sweep={sweep} trials={items} onLift={setLifted} />}
    </div>
  )
}

function Head({ sweep }: { sweep: Sweep }) {
  const tags = Object.entries(sweep.tags)
  return (
    <header className={head['head']}>
      <nav aria-label="Where this is" className={head['trail']}>
        <Link to="/sweeps">Sweeps</Link> <span aria-hidden>/</span>{' '}
        <Copyable value={sweep.id} short={sweep.id.slice(-8)} name="sweep id" />
      </nav>
      <div className={head['line']}>
        <h1>{sweep.name}</h1>
        <StateMark state={sweep.state} />
        <span className={head['action']}>
          <SweepActions sweep={sweep} />
        </span>
      </div>
      {tags.length > 0 && (
        <ul className={head['tags']} aria-label="Tags">
          {tags.map(([name, value]) => (
            <li key={name}>
              <span className="faded">{name}</span> {value}
            </li>
          ))}
        </ul>
      )}
    </header>
  )
}

function Facts({ sweep }: { sweep: Sweep }) {
  const { search, seeds, maxRunning, objective, best, configurations } = sweep
  return (
    <dl className={`sheet ${styles['facts']}`}>
      <Fact name="Trials">
        <SweepProgress sweep={sweep} />
      </Fact>
      <Fact name="At work" hint="Trials that run now, of those that may at once">
        {count(countTrials(sweep, isOwned))}
        {maxRunning !== null && <span className="faded"> / {count(maxRunning)}</span>}
      </Fact>
      <Fact name="Search" hint={Object.keys(search.parameters).join(', ')}>
        {search.kind} <span className="faded">of {count(configurations)}</span>
      </Fact>
      <Fact name="Seeds" hint="Every configuration runs with each of them">
        {seeds.length === 0 ? 'searched' : count(seeds.length)}
      </Fact>
      <Fact name="Objective" hint="Median over the 101 points up to a trial’s newest checkpoint">
        {objective.goal} {objective.metric}
      </Fact>
      <Fact name="Best so far">
        {best ? (
          <>
            {figure(best.value)}{' '}
            <Link to="/jobs/$jobId" params={{ jobId: best.jobId }} className={head['origin']}>
              #{best.trial}
            </Link>
          </>
        ) : (
          nothing
        )}
      </Fact>
    </dl>
  )
}

const Fact = ({ name, hint, children }: { name: string; hint?: string; children: ReactNode }) => (
  <div title={hint}>
    <dt className="caption">{name}</dt>
    <dd>{children}</dd>
  </div>
)

const Loading = () => (
  <Stack aria-label="Loading">
    <Skeleton h={34} w="40%" />
    <Skeleton h={64} />
    <Skeleton h={380} />
  </Stack>
)

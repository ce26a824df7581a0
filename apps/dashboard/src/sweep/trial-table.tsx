import type { Sweep, Trial } from '@kantor/contracts'
import { Link } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import { count, figure, nothing } from '../format.js'
import { Section } from '../frame/notices.js'
import { StateMark } from '../frame/state-mark.js'
import { parameterText, shortNames } from './parameters.js'
import styles from './trial-table.module.css'

interface Column {
  /** Names the column in the sort. */
  key: string
  title: string
  hint?: string
  /** Null sorts last, whichever way. */
  of: (trial: Trial) => number | string | null
}

interface Sort {
  key: string
  descending: boolean
}

interface TrialTableProps {
  sweep: Sweep
  /** Best first. */
  trials: Trial[]
  /** The pointer or the keyboard is on this job's trial; null: on none. */
  onLift: (jobId: string | null) => void
}

/** Every trial with what it was given and what came of it, sorted by any column; without one, best first. */
export function TrialTable({ sweep, trials, onLift }: TrialTableProps) {
  const [sort, setSort] = useState<Sort | null>(null)
  const columns = useMemo(() => columnsOf(sweep), [sweep])
  const rows = useMemo(() => sorted(trials, columns, sort), [trials, columns, sort])
  const turn = (key: string) =>
    setSort((now) => (now?.key === key ? { key, descending: !now.descending } : { key, descending: false }))

  return (
    <Section
      title="Trials"
      aside={
        <a
          className={styles['csv']}
          href={`/sweeps/${sweep.id}/trials?format=csv&sort=best`}
          download={`${sweep.name}.csv`}
        >
          CSV
        </a>
      }
    >
      <div className={styles['scroll']} tabIndex={0} role="region" aria-label="Trials">
        <table className={styles['table']}>
          <thead>
            <tr>
              {columns.map(({ key, title, hint }) => (
                <th key={key} title={hint} aria-sort={directionOf(sort, key)}>
                  <button type="button" onClick={() => turn(key)}>
                    {title}
                    <span aria-hidden className={styles['arrow']}>
                      {sort?.key === key ? (sort.descending ? '↓' : '↑') : ''}
                    </span>
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody onPointerLeave={() => onLift(null)}>
            {rows.map((trial) => (
              <Row key={trial.jobId} sweep={sweep} trial={trial} onLift={onLift} />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}

function Row({ sweep, trial, onLift }: { sweep: Sweep; trial: Trial; onLift: TrialTableProps['onLift'] }) {
  const isBest = sweep.best?.jobId === trial.jobId
  return (
    <tr data-best={isBest} onPointerEnter={() => onLift(trial.jobId)}>
      <td>
        <Link
          to="/jobs/$jobId"
          params={{ jobId: trial.jobId }}
          onFocus={() => onLift(trial.jobId)}
          onBlur={() => onLift(null)}
          aria-label={`Trial ${trial.trial}`}
        >
          #{trial.trial}
        </Link>
      </td>
      <td title={trial.metricsStep === null ? undefined : `at step ${count(trial.metricsStep)}`}>
        {figure(trial.value)}
      </td>
      {Object.keys(sweep.search.parameters).map((path) => (
        <td key={path} title={String(trial.parameters[path] ?? '')}>
          {parameterText(trial.parameters[path])}
        </td>
      ))}
      {sweep.seeds.length > 1 && <td>{trial.seed}</td>}
      <td>
        <StateMark state={trial.state} />
      </td>
      <td>
        {trial.step === null ? nothing : count(trial.step)}
        {trial.totalSteps !== null && <span className="faded"> / {count(trial.totalSteps)}</span>}
      </td>
    </tr>
  )
}

function columnsOf({ search, seeds, objective }: Sweep): Column[] {
  const paths = Object.keys(search.parameters)
  const names = shortNames(paths)
  return [
    { key: 'trial', title: 'Trial', of: ({ trial }) => trial },
    { key: 'value', title: objective.metric, hint: 'Median up to the newest checkpoint', of: ({ value }) => value },
    ...paths.map((path): Column => ({
      key: `parameters ${path}`,
      title: names.get(path)!,
      hint: path,
      of: ({ parameters }) => sortable(parameters[path]),
    })),
    ...(seeds.length > 1 ? [{ key: 'seed', title: 'Seed', of: ({ seed }: Trial) => seed }] : []),
    { key: 'state', title: 'State', of: ({ state }) => state },
    { key: 'step', title: 'Steps', of: ({ step }) => step },
  ]
}

const sortable = (value: Trial['parameters'][string] | undefined) =>
  value === undefined ? null : typeof value === 'boolean' ? String(value) : value

const directionOf = (sort: Sort | null, key: string) =>
  sort?.key === key ? (sort.descending ? 'descending' : 'ascending') : 'none'

function sorted(trials: Trial[], columns: Column[], sort: Sort | null): Trial[] {
  const column = columns.find(({ key }) => key === sort?.key)
  if (!column) return trials
  const sign = sort!.descending ? -1 : 1
  return trials.toSorted((a, b) => {
    const [first, second] = [column.of(a), column.of(b)]
    if (first === null || second === null) return Number(first === null) - Number(second === null)
    if (typeof first === 'number' && typeof second === 'number') return sign * (first - second)
    return sign * String(first).localeCompare(String(second), 'en', { numeric: true })
  })
}

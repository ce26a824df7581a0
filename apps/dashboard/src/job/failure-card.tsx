import { Skeleton } from '@mantine/core'
import { type Job, remedyOf } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { dossierQuery } from '../api.js'
import { count, words } from '../format.js'
import { Failure, Section } from '../frame/notices.js'
import styles from './failure-card.module.css'

const DIFFERENCES = 12

/** Why a job failed, what to do, how its attempts ended, and what a job that went well on the same data does otherwise. */
export function FailureCard({ job }: { job: Job }) {
  const dossier = useQuery(dossierQuery(job))
  const remedy = remedyOf(job.reason)
  const { attempts = [], nearest = null } = dossier.data ?? {}
  return (
    <Section title="Failure" aside={<code>{job.reason}</code>}>
      <div className={styles['card']}>
        {job.message !== null && <p className={styles['message']}>{job.message}</p>}
        {remedy !== null && <p>{remedy}.</p>}
        {dossier.isPending && <Skeleton h={48} aria-label="Loading the dossier" />}
        {dossier.isError && <Failure error={dossier.error} retry={() => void dossier.refetch()} />}
        {attempts.length > 1 && (
          <ol className={styles['attempts']} aria-label="Attempts">
            {attempts.map(({ attempt, reason, fromStep, message }) => (
              <li key={attempt}>
                <span className="faded">
                  #{attempt} from step {count(fromStep)}:
                </span>{' '}
                {words(reason ?? 'not ended')}
                {message !== null && message !== job.message && <span className="faded"> · {message}</span>}
              </li>
            ))}
          </ol>
        )}
        {nearest && (
          <>
            <p>
              Nearest job that went well:{' '}
              <Link to="/jobs/$jobId" params={{ jobId: nearest.jobId }}>
                {nearest.name}
              </Link>
              {nearest.differences.length === 0 && ', with the very same spec'}
            </p>
            {nearest.differences.length > 0 && (
              <table className={styles['differences']}>
                <thead>
                  <tr>
                    <th>Key</th>
                    <th>Here</th>
                    <th>There</th>
                  </tr>
                </thead>
                <tbody>
                  {nearest.differences.slice(0, DIFFERENCES).map(({ pointer, here, there }) => (
                    <tr key={pointer}>
                      <th scope="row">{pointer.slice(1).replaceAll('/', '.')}</th>
                      <td className="mono">{shown(here)}</td>
                      <td className="mono">{shown(there)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            )}
          </>
        )}
      </div>
    </Section>
  )
}

const shown = (value: unknown): string => (value === undefined ? '–' : JSON.stringify(value))

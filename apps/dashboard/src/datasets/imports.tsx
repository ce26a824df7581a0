import type { DatasetImport } from '@kantor/contracts'
import { useQuery } from '@tanstack/react-query'
import { importsQuery } from '../api.js'
import { count, moment } from '../format.js'
import { Failure, Section } from '../frame/notices.js'
import { StateMark } from '../frame/state-mark.js'
import records from '../job/records.module.css'
import styles from './dataset-page.module.css'

/** Readings of sources that were asked for over the API: how far they are, or why they failed; nothing is shown where there were none. */
export function Imports({ id }: { id: string }) {
  const imports = useQuery(importsQuery(id))
  const items = imports.data?.items ?? []
  if (imports.isError && !imports.data) return <Failure error={imports.error} retry={() => void imports.refetch()} />
  if (items.length === 0) return null
  return (
    <Section title="Imports">
      <div className={styles['scroll']}>
        <table className={records['table']}>
          <thead>
            <tr>
              <th>Asked for</th>
              <th>From</th>
              <th>State</th>
              <th>Images</th>
              <th>Came to</th>
            </tr>
          </thead>
          <tbody>
            {items.map((one) => (
              <ImportRow key={one.id} one={one} />
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}

const ImportRow = ({ one: { from, state, numImages, version, problem, createdAt } }: { one: DatasetImport }) => (
  <tr>
    <td>{moment(createdAt)}</td>
    <td className={styles['from']}>{from ?? 'an upload'}</td>
    <td>
      <StateMark state={state} />
    </td>
    <td>{count(numImages)}</td>
    <td className={styles['from']}>
      {version !== null && <span className="mono">{version}</span>}
      {problem !== null && <span className={records['bad']}>{problem.detail}</span>}
    </td>
  </tr>
)

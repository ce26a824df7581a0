import type { DatasetDetail, DatasetStatistics } from '@kantor/contracts'
import { bytes, count, moment } from '../format.js'
import { Section } from '../frame/notices.js'
import records from '../job/records.module.css'
import styles from './dataset-page.module.css'

const levels = (values: number[]) => values.map((value) => value.toFixed(1)).join(' · ')

const filesOf = (n: number) => `${count(n)} ${n === 1 ? 'file' : 'files'}`

/** What was measured of the images when they came in. */
export function Statistics({ dataset }: { dataset: DatasetDetail }) {
  const { channels, law, statistics, sizeBytes, createdAt } = dataset
  const facts: [string, string][] = law
    ? [['Law', law.kind]]
    : [['Colours', channels === 1 ? 'grey' : channels === 3 ? 'red, green, blue' : `${channels} channels`]]
  if (statistics) {
    facts.push(['Mean, of 255', levels(statistics.mean)], ['Deviation', levels(statistics.deviation)])
    facts.push(['Sizes', sizesOf(statistics)])
    if (statistics.unlabelled > 0) facts.push(['Without a label', count(statistics.unlabelled)])
    facts.push(['Left out', statistics.skipped.count === 0 ? 'none' : filesOf(statistics.skipped.count)])
  }
  facts.push(['Kept in', bytes(sizeBytes)], ['Imported', moment(createdAt)])
  return (
    <table className={`${records['table']} ${styles['facts']}`}>
      <tbody>
        {facts.map(([name, value]) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td>{value}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Sizes that are named; the others are a number. */
const NAMED = 4

function sizesOf({ sizes, otherSizes }: DatasetStatistics): string {
  const [first] = sizes
  if (first && sizes.length === 1 && otherSizes === 0) return `all ${first.width} × ${first.height}`
  const named = sizes.slice(0, NAMED).map(({ width, height, count: n }) => `${width} × ${height} (${count(n)})`)
  const others = otherSizes + sizes.slice(NAMED).reduce((sum, { count: n }) => sum + n, 0)
  return [...named, ...(others > 0 ? [`others (${count(others)})`] : [])].join(', ')
}

interface ClassesProps {
  labels: string[]
  statistics: DatasetStatistics
}

/** Images of each class, as bars: what is rare shows. */
export function Classes({ labels, statistics: { labelCounts } }: ClassesProps) {
  const most = Math.max(1, ...labelCounts)
  return (
    <Section title="Classes" aside={<span className="faded">{count(labels.length)}</span>}>
      <ul className={styles['classes']} aria-label="Images of each class" tabIndex={0}>
        {labels.map((label, index) => (
          <li key={label}>
            <span className={styles['label']} title={label}>
              {label}
            </span>
            <span className={styles['track']} aria-hidden>
              <span className={styles['bar']} style={{ width: `${(100 * (labelCounts[index] ?? 0)) / most}%` }} />
            </span>
            <span className={styles['number']}>{count(labelCounts[index])}</span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

/** Files that could not be used, by name, with what is wrong with each. */
export function LeftOut({ skipped }: { skipped: DatasetStatistics['skipped'] }) {
  const unnamed = skipped.count - skipped.first.length
  return (
    <Section title="Left out" aside={<span className="faded">{filesOf(skipped.count)}</span>}>
      <table className={`${records['table']} ${styles['leftOut']}`}>
        <thead>
          <tr>
            <th>File</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          {skipped.first.map(({ name, reason }, index) => (
            // Two files of a source may have one name.
            // oxlint-disable-next-line react/no-array-index-key
            <tr key={index}>
              <td className="mono">{name}</td>
              <td>{reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {unnamed > 0 && <p className={styles['more']}>and {count(unnamed)} more</p>}
    </Section>
  )
}

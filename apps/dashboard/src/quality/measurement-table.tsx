import { UnstyledButton } from '@mantine/core'
import { type JobMetric, metricCatalogue, type MetricName, metricNames } from '@kantor/contracts'
import { count, figure, moment, nothing, words } from '../format.js'
import { Copyable } from '../frame/copyable.js'
import records from '../job/records.module.css'
import styles from './quality.module.css'

interface MeasurementTableProps {
  /** Latest step first. */
  items: readonly JobMetric[]
  chosen: MetricName
  onChoose: (name: MetricName) => void
}

/** The newest figure of each metric, with what it means nothing without. Its name draws it over steps. */
export function MeasurementTable({ items, chosen, onChoose }: MeasurementTableProps) {
  const newest = metricNames.flatMap((name) => items.find((item) => item.name === name) ?? [])
  if (newest.length === 0) return null
  return (
    <div className={records['scroll']} tabIndex={0} role="region" aria-label="Newest figures">
      <table className={`${records['table']} ${styles['figures']}`}>
        <thead>
          <tr>
            <th>Metric</th>
            <th title="Of the checkpoint at this step">Value</th>
            <th title="The middle 95 % of estimates from subsets, where the metric is estimated so">95 %</th>
            <th title="The same of other real images: what a perfect generator gets">Floor</th>
            <th title="The same of these real images under a 3 × 3 blur">Blurred</th>
            <th title="Images on each side; figures compare at one number only">n</th>
            <th>Step</th>
            <th title="SHA-256 of the network that gave the features">Extractor</th>
          </tr>
        </thead>
        <tbody>
          {newest.map((item) => (
            <MeasurementRow key={item.name} item={item} isChosen={item.name === chosen} onChoose={onChoose} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const arrows = { min: '↓', max: '↑', floor: '→' } as const
const arrowWords = { min: 'lower is better', max: 'higher is better', floor: 'best at the floor' } as const

interface MeasurementRowProps {
  item: JobMetric
  isChosen: boolean
  onChoose: (name: MetricName) => void
}

function MeasurementRow({ item, isChosen, onChoose }: MeasurementRowProps) {
  const { name, value, low, high, floor, blurred, images, step, extractor, createdAt } = item
  const { says, goal } = metricCatalogue[name]
  return (
    <tr data-chosen={isChosen} title={moment(createdAt)}>
      <td>
        <UnstyledButton
          className={styles['metric']}
          aria-pressed={isChosen}
          onClick={() => onChoose(name)}
          title={says}
        >
          {words(name)}
        </UnstyledButton>{' '}
        <span className="faded" title={arrowWords[goal]}>
          {arrows[goal]}
        </span>
      </td>
      <td className={styles['value']}>{figure(value)}</td>
      <td className="faded">{low === null || high === null ? nothing : `${figure(low, 3)} … ${figure(high, 3)}`}</td>
      <td>{figure(floor)}</td>
      <td className="faded">{figure(blurred)}</td>
      <td>{count(images)}</td>
      <td>{count(step)}</td>
      <td>
        {extractor === null ? (
          <span className="faded">pixels</span>
        ) : (
          <Copyable value={extractor} short={extractor.slice(0, 8)} name="extractor" />
        )}
      </td>
    </tr>
  )
}

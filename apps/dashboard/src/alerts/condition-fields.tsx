import { Group, MultiSelect, NumberInput, Select } from '@mantine/core'
import { AlertCondition, type SeriesName, seriesCatalogue, seriesNames } from '@kantor/contracts'
import { words } from '../format.js'

interface ConditionFieldsProps {
  condition: AlertCondition
  onChange: (condition: AlertCondition) => void
}

const series = seriesNames.map((name) => ({ value: name, label: words(name) }))
const ends = ['succeeded', 'stopped', 'cancelled', 'failed']

/** What a condition of its kind is made of. What is not acceptable is told by the API. */
export function ConditionFields({ condition, onChange }: ConditionFieldsProps) {
  if (condition.kind === 'state')
    return (
      <MultiSelect
        label="A job has"
        data={ends}
        value={condition.states}
        onChange={(states) => onChange({ ...condition, states: states as typeof condition.states })}
      />
    )
  if (condition.kind === 'stalled')
    return (
      <NumberInput
        label="Seconds without a new step"
        value={condition.seconds}
        onChange={(seconds) => onChange({ ...condition, seconds: Number(seconds) })}
        min={10}
        allowDecimal={false}
      />
    )
  return (
    <>
      <Select
        label="Series"
        description={seriesCatalogue[condition.metric]}
        data={series}
        value={condition.metric}
        onChange={(metric) => metric !== null && onChange({ ...condition, metric: metric as SeriesName })}
        allowDeselect={false}
        searchable
      />
      <Group grow align="flex-start">
        {condition.kind === 'threshold' ? (
          <>
            <Select
              label="Is"
              data={['above', 'below']}
              value={condition.op}
              onChange={(op) => onChange({ ...condition, op: op as typeof condition.op })}
              allowDeselect={false}
            />
            <NumberInput
              label="Value"
              value={condition.value}
              onChange={(value) => onChange({ ...condition, value: Number(value) })}
            />
          </>
        ) : (
          <>
            <Select
              label="Has a"
              data={['rise', 'fall']}
              value={condition.direction}
              onChange={(direction) => onChange({ ...condition, direction: direction as typeof condition.direction })}
              allowDeselect={false}
            />
            <NumberInput
              label="Of more than"
              value={condition.by}
              onChange={(by) => onChange({ ...condition, by: Number(by) })}
            />
          </>
        )}
        <NumberInput
          label="Median of"
          value={condition.points}
          onChange={(points) => onChange({ ...condition, points: Number(points) })}
          min={1}
          max={1000}
          allowDecimal={false}
        />
      </Group>
    </>
  )
}

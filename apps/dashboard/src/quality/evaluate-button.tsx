import { Button, Group, Modal, MultiSelect, NumberInput, Select, Stack, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type Checkpoint, type Job, type MetricName, metricCatalogue, metricNames } from '@kantor/contracts'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, queries } from '../api.js'
import { count, words } from '../format.js'
import { Refusal } from '../frame/refusal.js'
import { tasksQuery } from '../task-queries.js'

/** A network of one's own is named in a request. */
const offered = metricNames.filter((name) => metricCatalogue[name].features !== 'uploaded')

/** Asks for an evaluation of one checkpoint: the newest, unless another is chosen. */
export function EvaluateButton({ job, checkpoints }: { job: Job; checkpoints: Checkpoint[] }) {
  const [asked, { open, close }] = useDisclosure(false)
  const [chosen, setChosen] = useState<string | null>(null)
  const [images, setImages] = useState<number | string>(2000)
  const [metrics, setMetrics] = useState<MetricName[]>([])
  const id = checkpoints.find((one) => one.id === chosen)?.id ?? checkpoints[0]?.id
  const evaluate = useMutation({
    mutationFn: () =>
      api().evaluateCheckpoint({
        params: { id: id! },
        body: { images: Number(images), ...(metrics.length > 0 && { metrics }) },
      }),
    onSuccess: () => {
      close()
      return queries.invalidateQueries({ queryKey: tasksQuery(job).queryKey })
    },
  })
  return (
    <>
      <Button size="compact-xs" onClick={open}>
        Evaluate
      </Button>
      <Modal opened={asked} onClose={close} title="Evaluate a checkpoint" onExitTransitionEnd={evaluate.reset}>
        <Stack gap="sm">
          <Text size="sm">
            A worker makes images with it and measures them against real ones, beside training and behind all other
            tasks.
          </Text>
          <Select
            label="Checkpoint"
            data={checkpoints.map((one) => ({ value: one.id, label: `step ${count(one.step)}` }))}
            value={id ?? null}
            onChange={setChosen}
            allowDeselect={false}
          />
          <MultiSelect
            label="Metrics"
            placeholder={metrics.length === 0 ? 'all that the dataset allows' : undefined}
            data={offered.map((name) => ({ value: name, label: words(name) }))}
            value={metrics}
            onChange={(names) => setMetrics(names as MetricName[])}
          />
          <NumberInput
            label="Images"
            description="Figures compare at one number only; a third of the dataset at most."
            value={images}
            onChange={setImages}
            min={16}
            max={10_000}
            allowDecimal={false}
            thousandSeparator=","
          />
          <Refusal error={evaluate.error} />
          <Group justify="flex-end" gap="xs">
            <Button onClick={close}>Leave it</Button>
            <Button variant="filled" loading={evaluate.isPending} onClick={() => evaluate.mutate()}>
              Evaluate
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}

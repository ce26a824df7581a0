import { Button, Group, Modal, NumberInput, SegmentedControl, Stack, Text, TextInput } from '@mantine/core'
import type { Checkpoint, GenerateInput, Job } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.js'
import { count } from '../format.js'
import { Refusal } from '../frame/refusal.js'
import { tasksQuery } from '../task-queries.js'
import { TaskOutcome } from './task-outcome.js'

interface TaskDialogProps {
  job: Job
  checkpoint: Checkpoint
  opened: boolean
  onClose: () => void
}

/** Draws images from a checkpoint's generator: a grid of seeds, or a walk from the latent of one seed to the next. */
export function GenerateDialog({ job, checkpoint, opened, onClose }: TaskDialogProps) {
  const queries = useQueryClient()
  const [kind, setKind] = useState('seeds')
  const [seed, setSeed] = useState<number | string>(0)
  const [images, setImages] = useState<number | string>(64)
  const [seeds, setSeeds] = useState('1, 2, 3')
  const [frames, setFrames] = useState<number | string>(30)
  const body = (): GenerateInput =>
    kind === 'seeds'
      ? { from: { kind: 'seeds', seed: Number(seed), count: Number(images) }, as: 'png' }
      : {
          from: {
            kind: 'path',
            seeds: seeds
              .split(/[\s,]+/)
              .filter(Boolean)
              .map(Number),
            frames: Number(frames),
          },
          as: 'webp',
        }
  const generate = useMutation({
    mutationFn: () => api().generateImages({ params: { id: checkpoint.id }, body: body() }),
    onSuccess: () => queries.invalidateQueries({ queryKey: tasksQuery(job).queryKey }),
  })

  return (
    <Modal
      opened={opened}
      onClose={onClose}
      size="lg"
      title={`Generate from step ${count(checkpoint.step)}`}
      onExitTransitionEnd={generate.reset}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          generate.mutate()
        }}
      >
        <Stack gap="sm">
          <SegmentedControl
            size="xs"
            value={kind}
            onChange={setKind}
            aria-label="What to draw"
            data={[
              { value: 'seeds', label: 'Grid of seeds' },
              { value: 'path', label: 'Walk between seeds' },
            ]}
          />
          {kind === 'seeds' ? (
            <Group grow align="flex-start">
              <NumberInput
                label="First seed"
                value={seed}
                onChange={setSeed}
                min={0}
                allowDecimal={false}
                data-autofocus
              />
              <NumberInput label="Images" value={images} onChange={setImages} min={1} max={1024} allowDecimal={false} />
            </Group>
          ) : (
            <Group grow align="flex-start">
              <TextInput
                label="Seeds, and back"
                value={seeds}
                onChange={(event) => setSeeds(event.currentTarget.value)}
              />
              <NumberInput
                label="Images per leg"
                value={frames}
                onChange={setFrames}
                min={2}
                max={240}
                allowDecimal={false}
              />
            </Group>
          )}
          <Text size="xs" c="dimmed">
            The same seed gives the same latent from every checkpoint. Batch norm takes its statistics from these very
            images, as the authors sample.
          </Text>
          <Refusal error={generate.error} />
          <Group justify="flex-end" gap="xs">
            <Button onClick={onClose}>Close</Button>
            <Button type="submit" variant="filled" loading={generate.isPending}>
              Generate
            </Button>
          </Group>
          {generate.data && <TaskOutcome id={generate.data.id} jobName={job.name} step={checkpoint.step} />}
        </Stack>
      </form>
    </Modal>
  )
}

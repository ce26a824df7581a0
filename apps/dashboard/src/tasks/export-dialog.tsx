import { Button, Group, Modal, NumberInput, Radio, Stack } from '@mantine/core'
import { type Checkpoint, ExportFormat, type Job } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api } from '../api.js'
import { count } from '../format.js'
import { Refusal } from '../frame/refusal.js'
import { tasksQuery } from '../task-queries.js'
import { TaskOutcome } from './task-outcome.js'

interface ExportDialogProps {
  job: Job
  checkpoint: Checkpoint
  opened: boolean
  onClose: () => void
}

const takers: Record<ExportFormat, { label: string; says: string }> = {
  'state-dict': { label: 'PyTorch state_dict', says: 'safetensors under the authors’ names' },
  'layers-model': { label: 'TensorFlow.js LayersModel', says: 'ZIP of model.json and its weights' },
  onnx: { label: 'ONNX', says: 'one file, operator set 17' },
  'saved-model': { label: 'TensorFlow SavedModel', says: 'ZIP, signature serving_default' },
}

/** Writes a checkpoint's generator in the format of another program. */
export function ExportDialog({ job, checkpoint, opened, onClose }: ExportDialogProps) {
  const queries = useQueryClient()
  const [format, setFormat] = useState<ExportFormat>('state-dict')
  const [ofClass, setOfClass] = useState<number | string>(0)
  const { classes } = job.spec.model
  // A state_dict holds all classes, the other formats one.
  const asksClass = classes !== undefined && format !== 'state-dict'
  const write = useMutation({
    mutationFn: () =>
      api().exportCheckpoint({
        params: { id: checkpoint.id },
        body: { format, ...(asksClass && { class: Number(ofClass) }) },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: tasksQuery(job).queryKey }),
  })

  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title={`Export the generator of step ${count(checkpoint.step)}`}
      onExitTransitionEnd={write.reset}
    >
      <Stack gap="sm">
        <Radio.Group label="Format" value={format} onChange={(value) => setFormat(value as ExportFormat)}>
          <Stack gap="xs" mt={6}>
            {ExportFormat.options.map((value) => (
              <Radio key={value} value={value} label={takers[value].label} description={takers[value].says} size="xs" />
            ))}
          </Stack>
        </Radio.Group>
        {asksClass && (
          <NumberInput
            label="Class"
            description="A conditional generator is written down for one class."
            value={ofClass}
            onChange={setOfClass}
            min={0}
            max={classes - 1}
            allowDecimal={false}
          />
        )}
        <Refusal error={write.error} />
        <Group justify="flex-end" gap="xs">
          <Button onClick={onClose}>Close</Button>
          <Button variant="filled" loading={write.isPending} onClick={() => write.mutate()}>
            Export
          </Button>
        </Group>
        {write.data && <TaskOutcome id={write.data.id} jobName={job.name} step={checkpoint.step} />}
      </Stack>
    </Modal>
  )
}

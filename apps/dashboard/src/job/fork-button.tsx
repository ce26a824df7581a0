import { Button, Group, Modal, NumberInput, Stack, Text, TextInput } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { Job } from '@kantor/contracts'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { api, explain } from '../api.js'

/** A new job from this one's newest checkpoint, with more steps; other changes to the spec are for scripts and the CLI. */
export function ForkButton({ job, onForked }: { job: Job; onForked: (fork: Job) => unknown }) {
  const [asked, { open, close }] = useDisclosure(false)
  const [name, setName] = useState(`${job.name} · fork`)
  const before = job.spec.budget.generatorSteps
  const [steps, setSteps] = useState<number | string>(before === undefined ? '' : 2 * before)
  const fork = useMutation({
    mutationFn: () => {
      const spec = typeof steps === 'number' ? { budget: { generatorSteps: steps } } : {}
      return api().forkJob({ params: { id: job.id }, body: { name, spec } })
    },
    onSuccess: (made) => {
      close()
      onForked(made)
    },
  })
  return (
    <>
      <Button onClick={open}>Fork</Button>
      <Modal opened={asked} onClose={close} title={`Fork “${job.name}”`} onExitTransitionEnd={fork.reset}>
        <Stack gap="sm">
          <Text size="sm">A new job goes on from the newest checkpoint, counting its steps on from there.</Text>
          <TextInput
            label="Name"
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            data-autofocus
          />
          <NumberInput
            label="Generator steps, in all"
            value={steps}
            onChange={setSteps}
            min={1}
            allowDecimal={false}
            thousandSeparator=","
          />
          {fork.isError && (
            <Text size="sm" c="var(--bad)" role="alert">
              {explain(fork.error)}
            </Text>
          )}
          <Group justify="flex-end" gap="xs">
            <Button onClick={close}>Leave it</Button>
            <Button variant="filled" loading={fork.isPending} onClick={() => fork.mutate()}>
              Fork
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  )
}

import { Button, Group, Modal, Text, Tooltip } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { isTerminal, type Job } from '@kantor/contracts'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { cancelJob, explain, jobQuery } from '../api.js'

/** Cancels after a question; while there is nothing to cancel it stays in place and says why. */
export function CancelButton({ job }: { job: Job }) {
  const [asked, { open, close }] = useDisclosure(false)
  const queries = useQueryClient()
  const cancel = useMutation({
    mutationFn: () => cancelJob(job.id),
    onSuccess: (answer) => {
      queries.setQueryData(jobQuery(job.id).queryKey, answer)
      void queries.invalidateQueries({ queryKey: ['jobs'] })
      close()
    },
  })
  const refusal = whyNot(job)

  if (refusal !== null) {
    return (
      <Tooltip label={refusal}>
        <Button data-disabled aria-disabled aria-description={refusal} onClick={(event) => event.preventDefault()}>
          Cancel job
        </Button>
      </Tooltip>
    )
  }
  return (
    <>
      <Button color="red" variant="light" onClick={open}>
        Cancel job
      </Button>
      <Modal opened={asked} onClose={close} title={`Cancel “${job.name}”?`} onExitTransitionEnd={cancel.reset}>
        <Text size="sm">Training ends for good. The curve, samples and checkpoints written so far are kept.</Text>
        {cancel.isError && (
          <Text size="sm" c="var(--bad)" mt="sm" role="alert">
            {explain(cancel.error)}
          </Text>
        )}
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button onClick={close} data-autofocus>
            Keep it
          </Button>
          <Button color="red.8" variant="filled" loading={cancel.isPending} onClick={() => cancel.mutate()}>
            Cancel job
          </Button>
        </Group>
      </Modal>
    </>
  )
}

function whyNot({ state }: Job): string | null {
  if (state === 'cancelling') return 'It is being cancelled: the worker ends at its next step.'
  return isTerminal(state) ? `The job is over: ${endings[state] ?? state}.` : null
}

const endings: Partial<Record<Job['state'], string>> = {
  succeeded: 'it reached its budget',
  stopped: 'it was stopped early',
  cancelled: 'it was cancelled',
  failed: 'it failed',
}

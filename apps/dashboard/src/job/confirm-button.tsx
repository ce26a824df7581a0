import { Button, Group, Modal, Text } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import type { UseMutationResult } from '@tanstack/react-query'
import { explain } from '../api.js'

interface ConfirmButtonProps {
  label: string
  title: string
  /** What will be lost, and what will stay. */
  text: string
  danger?: boolean
  ask: Pick<UseMutationResult<unknown, Error, void>, 'mutate' | 'reset' | 'isPending' | 'isError' | 'error'>
}

/** Asks a question before what cannot be taken back. */
export function ConfirmButton({ label, title, text, danger = false, ask }: ConfirmButtonProps) {
  const [asked, { open, close }] = useDisclosure(false)
  return (
    <>
      <Button {...(danger && { color: 'red', variant: 'light' })} onClick={open}>
        {label}
      </Button>
      <Modal opened={asked} onClose={close} title={title} onExitTransitionEnd={ask.reset}>
        <Text size="sm">{text}</Text>
        {ask.isError && (
          <Text size="sm" c="var(--bad)" mt="sm" role="alert">
            {explain(ask.error)}
          </Text>
        )}
        <Group justify="flex-end" mt="lg" gap="xs">
          <Button onClick={close} data-autofocus>
            Keep it
          </Button>
          <Button
            color={danger ? 'red.8' : undefined}
            variant="filled"
            loading={ask.isPending}
            onClick={() => ask.mutate(undefined, { onSuccess: close })}
          >
            {label}
          </Button>
        </Group>
      </Modal>
    </>
  )
}

import { ActionIcon, Menu } from '@mantine/core'
import { useDisclosure } from '@mantine/hooks'
import { type Checkpoint, type Job, POINT_SIZE } from '@kantor/contracts'
import { MoreIcon } from '../frame/icons.js'
import { ExportDialog } from './export-dialog.js'
import { GenerateDialog } from './generate-dialog.js'

/** What a worker can make of a checkpoint. Points have no pictures. */
export function CheckpointMenu({ job, checkpoint }: { job: Job; checkpoint: Checkpoint }) {
  const [generates, generate] = useDisclosure(false)
  const [exports, write] = useDisclosure(false)
  return (
    <>
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" aria-label={`More of the checkpoint of step ${checkpoint.step}`}>
            <MoreIcon />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {job.spec.model.imageSize !== POINT_SIZE && <Menu.Item onClick={generate.open}>Generate images…</Menu.Item>}
          <Menu.Item onClick={write.open}>Export the generator…</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <GenerateDialog job={job} checkpoint={checkpoint} opened={generates} onClose={generate.close} />
      <ExportDialog job={job} checkpoint={checkpoint} opened={exports} onClose={write.close} />
    </>
  )
}

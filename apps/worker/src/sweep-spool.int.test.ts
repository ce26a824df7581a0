import { mkdir, readdir, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { addCheckpoint, claimJob, claimTask, createTask } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { sweepSpool } from './sweep-spool.js'
import { openRig, type Rig } from './testing/rig.js'

describe('sweepSpool', () => {
  let services: Services
  let rig: Rig
  beforeAll(async () => {
    services = await startServices({ redis: false, s3: false })
    rig = await openRig(services.databaseUrl, services.directory)
  })
  afterAll(async () => {
    await rig?.close()
    await services?.stop()
  })

  test('removes what old attempts left, but nothing of one that runs, however long it was silent', async () => {
    const running = await rig.submit()
    const waiting = await rig.submit()
    const { epoch } = (await claimJob(rig.db, { jobId: running.id, workerId: 'elsewhere', leaseSeconds: 600 }))!
    const row = { id: running.id, step: 20, key: 'k', sizeBytes: 3, sha256: 'ab'.repeat(32), points: [] }
    await addCheckpoint(rig.db, { jobId: running.id, epoch }, row)
    const task = await createTask(rig.db, { kind: 'verify', checkpointId: row.id })
    await claimTask(rig.db, { workerId: 'elsewhere', leaseSeconds: 600 })
    const spool = join(rig.dataDir, 'spool')
    const unknown = '0198c0de-0000-7000-8000-000000000001'
    const old = [`${running.id}-1`, `${running.id}-0`, `${waiting.id}-1`, `${unknown}-1`]
    old.push(`task-${task.id}-1`, `task-${task.id}-0`, `task-${unknown}-1`)
    for (const name of [...old, `${unknown}-2`]) await mkdir(join(spool, name), { recursive: true })
    for (const name of old) await utimes(join(spool, name), 0, 0)
    // As one that another worker removes at this very moment: it is listed, and not there.
    await symlink('/nowhere', join(spool, `${unknown}-3`))

    await sweepSpool({ db: rig.db, dataDir: rig.dataDir, log: rig.deps('sweeper').log })

    expect((await readdir(spool)).sort()).toEqual(
      [`${running.id}-1`, `task-${task.id}-1`, `${unknown}-2`, `${unknown}-3`].sort(),
    )
  })
})

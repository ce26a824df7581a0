import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  type Namespaces,
  type ProcessStack,
  type ServiceProcess,
  startNamespaces,
  startProcessStack,
  whyNoNamespaces,
} from '@kantor/testing'
import { isFull, LIMIT_MS, splitByWork, until, Victims } from './rig.js'

const obstacle = whyNoNamespaces()
if (obstacle !== null) console.warn(`NOT TESTED WITH HOSTS OF THEIR OWN: ${obstacle}`)

describe('two worker hosts', () => {
  let stack: ProcessStack
  let victims: Victims
  let hosts: Namespaces | undefined
  let workers: ServiceProcess[] = []
  beforeAll(async () => {
    stack = await startProcessStack({ workers: 1, leaseSeconds: isFull ? 60 : 6 })
    victims = new Victims(stack)
    await victims.undisturbed()
    await stack.workers[0]!.stop()
    hosts = obstacle === null ? await startNamespaces(2, stack.postgres.unixSocket) : undefined
    workers = [0, 1].map((index) => {
      // Where there are no namespaces, two processes on this host, one of which is made to stand still.
      if (!hosts) return stack.newWorker()
      const database = new URL(stack.postgres.url)
      const { host, port } = hosts.address(index)
      database.hostname = host
      database.port = String(port)
      return stack.newWorker({ DATABASE_URL: database.toString(), KANTOR_INSECURE: 'plaintext' }, hosts.enter(index))
    })
  }, LIMIT_MS)
  afterAll(async () => {
    for (const worker of workers) await worker.kill()
    await hosts?.stop()
    await stack?.stop()
  }, LIMIT_MS)

  test(
    'F27: one is cut off from the database in mid training: it lets go by itself, the other takes over, the weights are the same',
    async () => {
      await Promise.all(workers.map((worker) => worker.start()))
      const { id } = await victims.submit('F27')
      await victims.underway(id)
      const { busy: lost, idle: other } = splitByWork(workers)
      const wire = workers.indexOf(lost)
      const before = lost.lines.length

      if (hosts) hosts.cut(wire)
      else lost.signal('SIGSTOP')
      await until(async () => (await victims.look(id)).epoch === 2)
      if (hosts) {
        // Nobody told it, and it stopped before the other began.
        const gaveUp = lost.lines.slice(before).find(({ msg }) => msg.includes('giving the attempt up'))
        const { items } = await stack.client.listEvents({ params: { id } })
        const takenOver = items.filter(({ to }) => to === 'starting').at(-1)!
        expect(Date.parse(String(gaveUp?.['time']))).toBeLessThan(Date.parse(takenOver.at))
        hosts.mend(wire)
      } else lost.signal('SIGCONT')

      await victims.end(id)
      // It comes back for other work.
      const { id: next } = await victims.submit('F27 after')
      expect(await other.stop()).toBe(0)
      await victims.end(next)
      await victims.expectInvariants()
    },
    LIMIT_MS,
  )
})

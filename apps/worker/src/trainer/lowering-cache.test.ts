import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { noteLowerings, readLowerings } from './lowering-cache.js'

const runtime = {
  tensorflow: '2.21.0',
  tfjs: '4.22.0',
  node: '20.20.2',
  device: 'cpu',
  processor: 'one',
  threads: 2,
} as const
const [first, second] = [
  { 'convolution float32 8x8 to 4': 'slices' },
  { 'convolution float32 4x4 to 8': 'direct' },
] as const

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kantor-lowerings-'))
})
afterAll(() => rm(directory, { recursive: true }))

test('what was noted is read back, for the same processor, threads and TensorFlow only', async () => {
  const file = join(directory, 'new', 'lowerings.json')
  expect(await readLowerings(file, runtime)).toEqual({})
  await noteLowerings(file, runtime, first)
  await noteLowerings(file, runtime, second)
  expect(await readLowerings(file, { ...runtime, node: '24.0.0' })).toEqual({ ...first, ...second })
  for (const other of [{ threads: 1 }, { processor: 'two' }, { tensorflow: '2.22.0' }, { device: 'gpu' }] as const) {
    expect(await readLowerings(file, { ...runtime, ...other })).toEqual({})
  }
  expect(await readdir(join(directory, 'new'))).toEqual(['lowerings.json'])
})

test.each(['{', '[]', '{"x": {"y": "no-such-plan"}}'])(
  'a file that holds %s counts as empty and is replaced',
  async (text) => {
    const file = join(directory, 'damaged.json')
    await writeFile(file, text)
    expect(await readLowerings(file, runtime)).toEqual({})
    await noteLowerings(file, runtime, first)
    expect(await readLowerings(file, runtime)).toEqual(first)
  },
)

import { describe, expect, test } from '@jest/globals'
import { GpuPool, listGpus, visibleGpus } from './gpus.js'

const csv =
  '0, GPU-aaa1, 81559, NVIDIA H100 80GB HBM3\n1, GPU-bbb2, 81559, NVIDIA H100 80GB HBM3\n2, GPU-ccc3, [N/A], Odd, Name\n'
const uuids = (visible: string | undefined) => visibleGpus(csv, visible).map(({ uuid }) => uuid)

describe('visibleGpus', () => {
  test('are all of them, with their names and memory, unless CUDA_VISIBLE_DEVICES says otherwise', () => {
    expect(visibleGpus(csv, undefined)).toEqual([
      { uuid: 'GPU-aaa1', name: 'NVIDIA H100 80GB HBM3', memoryBytes: 81559 * 2 ** 20 },
      { uuid: 'GPU-bbb2', name: 'NVIDIA H100 80GB HBM3', memoryBytes: 81559 * 2 ** 20 },
      { uuid: 'GPU-ccc3', name: 'Odd, Name', memoryBytes: null },
    ])
    expect(visibleGpus('', undefined)).toEqual([])
  })

  test.each([
    ['2,0', ['GPU-ccc3', 'GPU-aaa1']],
    ['GPU-bbb', ['GPU-bbb2']],
    ['1,7,0', ['GPU-bbb2']],
    ['-1', []],
    ['', []],
  ])('CUDA_VISIBLE_DEVICES=%j: %j', (visible, expected) => {
    expect(uuids(visible)).toEqual(expected)
  })

  test('are none where nvidia-smi is not there', async () => {
    expect(await listGpus({ ...process.env, CUDA_VISIBLE_DEVICES: '' })).toEqual([])
  })
})

describe('GpuPool', () => {
  test('gives every attempt a GPU of its own, and takes it back', () => {
    const pool = new GpuPool(visibleGpus(csv, '0,1'))
    const [first, second] = [pool.take(), pool.take()]
    expect([first, second]).toEqual(['GPU-aaa1', 'GPU-bbb2'])
    expect(pool.take()).toBeUndefined()
    pool.give(first)
    expect(pool.take()).toBe('GPU-aaa1')
  })
})

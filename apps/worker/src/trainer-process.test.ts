import { describe, expect, test } from '@jest/globals'
import { trainerEnvironment } from './trainer-process.js'

describe('trainerEnvironment', () => {
  const source = {
    PATH: '/bin',
    HOME: '/home/k',
    LC_ALL: 'C.UTF-8',
    LD_LIBRARY_PATH: '/opt/cuda',
    CUDA_VISIBLE_DEVICES: '1',
    TF_XLA_FLAGS: '--tf_xla_auto_jit=2',
    DATABASE_URL: 'postgres://secret',
    REDIS_URL: 'redis://secret',
    S3_SECRET_ACCESS_KEY: 'secret',
    AWS_SECRET_ACCESS_KEY: 'secret',
    KANTOR_API_KEY: 'secret',
    NODE_OPTIONS: '--require ./secret.js',
    HTTPS_PROXY: 'http://user:secret@proxy',
    npm_config__authToken: 'secret',
  }
  const device = { deviceClass: 'cpu', threads: 1 } as const

  test('S10: names what may pass; no credential does', () => {
    const environment = trainerEnvironment({ deviceClass: 'gpu', threads: 2 }, source)

    expect(JSON.stringify(environment)).not.toContain('secret')
    expect(environment).toMatchObject({
      PATH: '/bin',
      HOME: '/home/k',
      LD_LIBRARY_PATH: '/opt/cuda',
      CUDA_VISIBLE_DEVICES: '1',
      TF_XLA_FLAGS: '--tf_xla_auto_jit=2',
    })
  })

  test('a crash point passes when one is armed, and only then', () => {
    expect(trainerEnvironment(device, source)).not.toHaveProperty('KANTOR_CRASH_AT')
    expect(trainerEnvironment(device, { ...source, KANTOR_CRASH_AT: 'spool-file-written' })).toMatchObject({
      KANTOR_CRASH_AT: 'spool-file-written',
    })
  })

  test('a gpu trainer sees its own GPU only, and XLA where it is wanted', () => {
    const gpu = { deviceClass: 'gpu', threads: 2, gpu: 'GPU-bbb2', xla: true } as const
    expect(trainerEnvironment(gpu, { PATH: '/bin', CUDA_VISIBLE_DEVICES: '0,1' })).toMatchObject({
      CUDA_VISIBLE_DEVICES: 'GPU-bbb2',
      TF_XLA_FLAGS: '--tf_xla_auto_jit=2',
      TF_FORCE_GPU_ALLOW_GROWTH: 'true',
      TF_DETERMINISTIC_OPS: '1',
    })
    expect(trainerEnvironment({ ...gpu, xla: false }, { PATH: '/bin' })).not.toHaveProperty('TF_XLA_FLAGS')
    expect(trainerEnvironment({ ...gpu, deviceClass: 'cpu' }, { PATH: '/bin' })).not.toHaveProperty('TF_XLA_FLAGS')
  })

  test('fixes the threads, and a cpu trainer sees no GPU', () => {
    const environment = trainerEnvironment({ deviceClass: 'cpu', threads: 3 }, source)

    expect(environment).toMatchObject({
      TF_NUM_INTRAOP_THREADS: '3',
      TF_NUM_INTEROP_THREADS: '3',
      CUDA_VISIBLE_DEVICES: '-1',
    })
  })
})

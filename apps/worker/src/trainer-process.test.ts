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

  test('names what may pass; no credential does', () => {
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

  test('fixes the threads, and a cpu trainer sees no GPU', () => {
    const environment = trainerEnvironment({ deviceClass: 'cpu', threads: 3 }, source)

    expect(environment).toMatchObject({
      TF_NUM_INTRAOP_THREADS: '3',
      TF_NUM_INTEROP_THREADS: '3',
      CUDA_VISIBLE_DEVICES: '-1',
    })
  })
})

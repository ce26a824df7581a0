import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { loadTensorFlow } from '@kantor/engine'
import { aSpec, collect, lastCheckpoint, only, someImages, withMetadata } from '../testing/runs.js'
import { readSafetensors } from './safetensors.js'

let checkpoint: Uint8Array
const images = someImages()

beforeAll(async () => {
  await loadTensorFlow({ threads: 2 })
  checkpoint = lastCheckpoint(await collect({ spec: aSpec(), images, stopAfter: 3 }))
})

describe('a checkpoint', () => {
  test('holds both networks under the authors’ names in PyTorch’s shapes, with the optimizer beside', () => {
    const { tensors, metadata } = readSafetensors(checkpoint)
    const header = Object.fromEntries(
      [...tensors].map(([name, { dtype, shape }]) => [name, `${dtype} ${shape.join('×')}`]),
    )
    expect(header).toMatchObject({
      'netG.main.initial:4-8:convt.weight': 'F32 4×8×4×4',
      'netG.main.initial:8:batchnorm.running_var': 'F32 8',
      'netG.main.initial:8:batchnorm.num_batches_tracked': 'I64 ',
      'netG.main.final:4-1:convt.weight': 'F32 4×1×4×4',
      'netD.main.initial:1-4:conv.weight': 'F32 4×1×4×4',
      'netD.main.pyramid:8:batchnorm.bias': 'F32 8',
      'netD.main.final:8-1:conv.weight': 'F32 1×8×4×4',
      'optimizerG.square_avg.main.initial:4-8:convt.weight': 'F32 4×8×4×4',
      'optimizerD.square_avg.main.final:8-1:conv.weight': 'F32 1×8×4×4',
    })
    // Three generator steps after 3 + 2 + 2 critic steps: the generator ran 10 times in train mode, the critic 17 times.
    const count = (name: string) =>
      new DataView(new Uint8Array(tensors.get(name)?.bytes ?? []).buffer).getBigInt64(0, true)
    expect(count('netG.main.initial:8:batchnorm.num_batches_tracked')).toBe(10n)
    expect(count('netD.main.pyramid:8:batchnorm.num_batches_tracked')).toBe(17n)
    expect(JSON.parse(metadata['state'] ?? '')).toEqual({
      step: 3,
      criticStep: 7,
      epoch: 1,
      cursor: 2,
      elapsedSeconds: 0,
    })
  })

  test('serves a job whose budget or cadence was changed, but no other course of training', async () => {
    const go = (changes: Record<string, unknown>) => collect({ spec: aSpec(changes), images, resume: checkpoint })
    const longer = await go({ budget: { generatorSteps: 5 }, sampling: { every: 2, count: 1 } })
    expect(longer.at(-1)).toMatchObject({ type: 'done', step: 5 })
    for (const changes of [{ seed: 6 }, { batchSize: 9 }, { dataset: 'other@000000000000' }]) {
      await expect(go(changes)).rejects.toMatchObject({
        name: 'CheckpointError',
        message: expect.stringContaining('another'),
      })
    }
    await expect(collect({ spec: aSpec(), images: someImages(9, 16, 3), resume: checkpoint })).rejects.toThrow(
      'another',
    )
  })

  test('says best-effort when other kernels or threads made it', async () => {
    const runtime = { ...JSON.parse(readSafetensors(checkpoint).metadata['runtime'] ?? ''), threads: 64 }
    const resume = withMetadata(checkpoint, { runtime: JSON.stringify(runtime) })
    const events = await collect({ spec: aSpec(), images, resume, stopAfter: 0 })
    expect(only(events, 'ready')).toMatchObject([{ step: 3, determinism: 'best-effort' }])
  })

  test.each([
    ['cut short', () => checkpoint.subarray(0, checkpoint.length - 5), 'SafetensorsError', 'cut short'],
    [
      'with a damaged state',
      () => withMetadata(checkpoint, { state: '{"step":-1}' }),
      'SafetensorsError',
      'state is damaged',
    ],
    ['without state', () => withMetadata(checkpoint, { state: '' }), 'SafetensorsError', 'state is missing'],
    ['of another program', () => withMetadata(checkpoint, { format: 'pt' }), 'CheckpointError', 'no Kantor checkpoint'],
    [
      'of a later release',
      () => withMetadata(checkpoint, { formatVersion: '2' }),
      'CheckpointError',
      'format version 2',
    ],
  ])('%s is refused', async (_what, make, name, message) => {
    await expect(collect({ spec: aSpec(), images, resume: make() })).rejects.toMatchObject({
      name,
      message: expect.stringContaining(message),
    })
  })
})

const python = process.env['KANTOR_TORCH_PYTHON'] ?? 'python3'
const hasTorch = (() => {
  try {
    execFileSync(python, ['-c', 'import torch, safetensors.torch'], { stdio: 'ignore' })
    return true
  } catch {
    console.warn(
      `SKIPPED: ${python} has no torch and safetensors; set KANTOR_TORCH_PYTHON to check checkpoints in PyTorch`,
    )
    return false
  }
})()

const script = `
import sys, json, torch
sys.path.insert(0, sys.argv[2])
from make_parity import networks
from safetensors.torch import load_file
state = load_file(sys.argv[1])
config = dict(imageSize=16, nc=1, nz=4, ngf=4, ndf=4, nExtraLayers=0, generator='dcgan', critic='dcgan')
for prefix, net in zip(('netG.', 'netD.'), networks(config)):
    net.load_state_dict({k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)}, strict=True)
    print(json.dumps(net.main[0].weight.detach().flatten()[:3].tolist()))
`

;(hasTorch ? test : test.skip)('opens in plain PyTorch, strictly, with the same numbers', () => {
  const directory = mkdtempSync(join(tmpdir(), 'kantor-torch-'))
  try {
    const file = join(directory, 'checkpoint.safetensors')
    writeFileSync(file, checkpoint)
    const fixtures = resolve('packages/training/fixtures')
    const lines = execFileSync(python, ['-c', script, file, fixtures], { encoding: 'utf8' }).trim().split('\n')
    const { tensors } = readSafetensors(checkpoint)
    const names = ['netG.main.initial:4-8:convt.weight', 'netD.main.initial:1-4:conv.weight']
    names.forEach((name, i) => {
      const ours = new Float32Array(new Uint8Array(tensors.get(name)?.bytes ?? []).buffer).slice(0, 3)
      expect(Float32Array.from(JSON.parse(lines[i] ?? '[]') as number[])).toEqual(ours)
    })
  } finally {
    rmSync(directory, { recursive: true })
  }
})

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from '@jest/globals'
import { ExportRequest } from '@kantor/contracts'
import { loadTensorFlow, tf } from '@kantor/engine'
import { exportGenerator } from '../export/index.js'
import { drawLatents } from '../latents.js'
import { aSpec, collect, lastCheckpoint, only, someImages } from '../testing/runs.js'
import { float32Tensor, readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.js'

const images = someImages()
let other: Uint8Array
beforeAll(async () => {
  await loadTensorFlow({ threads: 1 })
  other = lastCheckpoint(await collect({ spec: aSpec({ seed: 77 }), images, stopAfter: 2 }))
})

/** The networks of `checkpoint` under the names that `keep` takes, with no word of where they are from. */
function weightsOf(checkpoint: Uint8Array, keep = /^net[GD]\./, extra: [string, StoredTensor][] = []): Uint8Array {
  const kept = [...readSafetensors(checkpoint).tensors].filter(([name]) => keep.test(name))
  return writeSafetensors([...kept, ...extra], { format: 'pt' })
}

const tensorsOf = (checkpoint: Uint8Array, names: RegExp) =>
  Object.fromEntries(
    [...readSafetensors(checkpoint).tensors].flatMap(([name, { bytes }]) =>
      names.test(name) && !name.endsWith('num_batches_tracked') ? [[name, Buffer.from(bytes).toString('base64')]] : [],
    ),
  )

const begin = async (weights?: Uint8Array) =>
  lastCheckpoint(await collect({ spec: aSpec(), images, weights, stopAfter: 0 }))

describe('a run that begins with weights', () => {
  test('has them at step 0, in both networks, and an optimizer of its own', async () => {
    const run = await collect({ spec: aSpec(), images, weights: weightsOf(other), stopAfter: 0 })
    const begun = lastCheckpoint(run)
    expect(only(run, 'ready')).toMatchObject([{ step: 0 }])
    expect(tensorsOf(begun, /^net[GD]\./)).toEqual(tensorsOf(other, /^net[GD]\./))
    const slots = [...readSafetensors(begun).tensors].filter(([name]) => name.startsWith('optimizer'))
    expect(slots.length).toBeGreaterThan(0)
    for (const [, { bytes }] of slots) expect(bytes.every((byte) => byte === 0)).toBe(true)
    expect(JSON.parse(readSafetensors(begun).metadata['state']!)).toMatchObject({ step: 0, criticStep: 0, cursor: 0 })
  })

  test('draws the network that the file lacks', async () => {
    const [scratch, half] = [await begin(), await begin(weightsOf(other, /^netG\./))]
    expect(tensorsOf(half, /^netG\./)).toEqual(tensorsOf(other, /^netG\./))
    expect(tensorsOf(half, /^netD\./)).toEqual(tensorsOf(scratch, /^netD\./))
  })

  test('takes an exported generator as it is', async () => {
    const request = ExportRequest.parse({ format: 'state-dict' })
    const [exported] = exportGenerator(other, request).files
    const begun = await begin(exported!.bytes)
    expect(tensorsOf(begun, /^netG\./)).toEqual(tensorsOf(other, /^netG\./))
    expect(tensorsOf(begun, /^netD\./)).toEqual(tensorsOf(await begin(), /^netD\./))
  })

  test.each([
    [
      'a tensor is missing',
      () => weightsOf(other, /^netG\.main\.(?!final)/),
      /no tensor netG\.main\.final:4-1:convt\.weight/,
    ],
    [
      'a shape is another one',
      () =>
        weightsOf(other, /^netG\.main\.(?!final)/, [
          ['netG.main.final:4-1:convt.weight', float32Tensor(new Float32Array(4), [4])],
        ]),
      /netG\.main\.final:4-1:convt\.weight is F32 \[4\], expected F32 \[4, 1, 4, 4\]/,
    ],
    [
      'there is a layer too much',
      () => weightsOf(other, /^netG\./, [['netG.main.more.weight', float32Tensor(new Float32Array(1), [1])]]),
      /netG\.main\.more\.weight is of no layer/,
    ],
  ])('is refused when %s, by the tensor’s name and with the remedy', async (_, weights, message) => {
    const begun = collect({ spec: aSpec(), images, weights: weights(), stopAfter: 0 })
    await expect(begun).rejects.toMatchObject({ name: 'CheckpointError', message: expect.stringMatching(message) })
    await expect(begun).rejects.toThrow('Set spec.model')
  })
})

const python = process.env['KANTOR_TORCH_PYTHON'] ?? 'python3'
const hasTorch = (() => {
  try {
    execFileSync(python, ['-c', 'import torch, safetensors.torch'], { stdio: 'ignore' })
    return true
  } catch {
    console.warn(
      `SKIPPED: ${python} has no torch and safetensors; set KANTOR_TORCH_PYTHON to begin with PyTorch's weights`,
    )
    return false
  }
})()

/** Weights as their script would save them, and the images that PyTorch draws with them in train mode, which the authors never leave. */
const script = `
import sys, torch
sys.path.insert(0, sys.argv[2])
from make_parity import networks, weights_init
from safetensors.torch import load_file, save_file
torch.manual_seed(11)
nets = networks(dict(imageSize=16, nc=1, nz=4, ngf=4, ndf=4, nExtraLayers=0, generator='dcgan', critic='dcgan'))
for net in nets:
    net.apply(weights_init)
state = {p + k: v for p, net in zip(('netG.', 'netD.'), nets) for k, v in net.state_dict().items()}
save_file(state, sys.argv[1] + '/weights.safetensors')
z = load_file(sys.argv[1] + '/latents.safetensors')['z']
images = nets[0].train()(z[:, :, None, None]).detach().permute(0, 2, 3, 1).contiguous()
save_file({'images': images}, sys.argv[1] + '/images.safetensors')
`

;(hasTorch ? test : test.skip)('the first samples from PyTorch’s weights are those that PyTorch draws', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'kantor-torch-'))
  try {
    const spec = aSpec({ sampling: { every: 5, count: 9 } })
    const latents = tf.tidy(() =>
      drawLatents({ count: 9, latentSize: 4 }, spec.seed, { stream: 'sampleLatent' }).dataSync<'float32'>(),
    )
    writeFileSync(join(directory, 'latents.safetensors'), writeSafetensors([['z', float32Tensor(latents, [9, 4])]], {}))
    execFileSync(python, ['-c', script, directory, resolve('packages/training/fixtures')])
    const weights = readFileSync(join(directory, 'weights.safetensors'))
    const theirs = readSafetensors(readFileSync(join(directory, 'images.safetensors'))).tensors.get('images')!

    const run = await collect({ spec, images, weights, stopAfter: 0 })

    expect(tensorsOf(lastCheckpoint(run), /^net[GD]\./)).toEqual(tensorsOf(weights, /^net[GD]\./))
    const [sample] = only(run, 'sample')
    const drawn = new Float32Array(new Uint8Array(theirs.bytes).buffer)
    expect(sample).toMatchObject({ step: 0, numImages: 9 })
    expect(sample!.images).toHaveLength(drawn.length)
    const inTheirs = Float32Array.from(sample!.images, (byte) => byte / 127.5 - 1)
    const farthest = drawn.reduce((most, value, i) => Math.max(most, Math.abs(value - inTheirs[i]!)), 0)
    // A byte's rounding, and nothing more.
    expect(farthest).toBeLessThan(0.5 / 127.5 + 1e-5)
    expect(new Set(sample!.images).size).toBeGreaterThan(3)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { graphBytes, protobufField as field } from '@kantor/testing'
import { readGraphNodes } from './graph-nodes.js'

let directory: string
/** 40 000 nodes in a function. */
const some = field(
  2,
  field(
    1,
    Buffer.concat(Array.from({ length: 40_000 }, () => field(3, Buffer.concat([field(1, 'x'), field(2, 'y')])))),
  ),
)
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'kantor-graph-'))
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function read(bytes: Buffer) {
  const path = join(directory, 'graph.pb')
  writeFileSync(path, bytes)
  return readGraphNodes(path)
}

describe('nodes of a graph', () => {
  test('are read with their ops past weights of any size, functions included', async () => {
    // Weights that do not fit into what is read at once, so that names lie on either side of every border.
    const nodes = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`node_${i}`, i % 2 ? 'Conv2D' : 'Const']))
    const found = await read(graphBytes(nodes, { ofFunction: { inner: 'WriteFile' }, weightBytes: 1009 }))
    const all = { ...nodes, inner: 'WriteFile' }
    expect(found).toEqual({ nodes: Object.entries(all).map(([name, op]) => ({ name, op, inputs: [] })) })
  })

  test('come with the nodes before them', async () => {
    const b = { op: 'Add', inputs: ['a:0', '^c'], attributes: {} }
    expect(await read(graphBytes({ a: 'Const', b }))).toMatchObject({
      nodes: [{}, { name: 'b', inputs: ['a:0', '^c'] }],
    })
  })

  test('are not found in anything that is cut, and the rest is never taken for a graph', async () => {
    const whole = graphBytes({ a: 'Const', b: 'Relu' })
    const ends = [graphBytes({ a: 'Const' }).length - 4, whole.length - 4, whole.length]
    for (let length = 0; length < whole.length; length++) {
      const found = await read(whole.subarray(0, length))
      expect('fault' in found).toBe(!ends.includes(length))
    }
  })

  test.each([
    ['a field that claims more than there is', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0x7f, 1])],
    ['a length that does not end', Buffer.alloc(30, 0xff)],
    ['a node that is a number', Buffer.from([0x08, 0x01])],
    ['a node without an op', field(1, field(1, 'x'))],
    ['a name of a megabyte', field(1, Buffer.concat([field(1, 'x'.repeat(2 ** 20)), field(2, 'Relu')]))],
    ['a field of no graph', field(9, 'x')],
    ['a field of no node', field(1, Buffer.concat([field(1, 'x'), field(2, 'NoOp'), field(9, 'ReadFile')]))],
    ['a field of no function', field(2, field(1, Buffer.concat([field(2, 'x')])))],
    // 18 + 2³²: TensorFlow reads 18, which is the op, and the last op counts.
    [
      'a tag of more than 32 bits',
      field(1, Buffer.concat([field(1, 'x'), field(2, 'NoOp'), Buffer.from([0x92, 0x80, 0x80, 0x80, 0x10, 1, 0x41])])),
    ],
    ['more nodes in functions than a graph may have', Buffer.concat([some, some, some])],
    ['more fields than any network has', field(4, Buffer.alloc(5_000_000, Buffer.from([0x18, 1])))],
    ['a group, which is no field any more', Buffer.from([0x0b])],
  ])('are refused: %s', async (_, bytes) => {
    expect(await read(bytes)).toEqual({ fault: expect.any(String) })
  })
})

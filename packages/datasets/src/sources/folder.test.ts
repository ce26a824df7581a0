import { mkdir, symlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { gradient, png, scratchDirectory, write } from '../../fixtures/source-files.js'
import { openFolder } from './folder.js'
import type { DatasetSource, SourceImage } from './source.js'

async function read(directory: string, options: Partial<Extract<DatasetSource, { kind: 'folder' }>> = {}) {
  const messages: string[] = []
  const log = { info: (message: string) => messages.push(message), warn: (message: string) => messages.push(message) }
  const source = await openFolder({ kind: 'folder', directory, ...options }, { log, scratch: '' })
  const images: SourceImage[] = []
  for await (const image of source.images()) images.push(image)
  return { source, images, messages, names: images.map(({ name }) => name) }
}

/** Enough good images that one bad file is less than a tenth. */
async function folderOf(count: number): Promise<string> {
  const directory = await scratchDirectory()
  for (let i = 0; i < count; i++) await write(directory, `all/${String(i).padStart(2, '0')}.png`, await png(4, 4, i))
  return directory
}

describe('openFolder', () => {
  test('sorts by code point and takes the first sub-folder for the label', async () => {
    const directory = await scratchDirectory()
    for (const name of ['dog/b.png', 'dog/a/z.PNG', 'cat/é.png', 'cat/Z.jpeg', 'cat/a.webp', 'Bird/1.jpg'])
      await write(directory, name, await png(3, 2))

    const { source, images, names } = await read(directory)

    expect(names).toEqual(['Bird/1.jpg', 'cat/Z.jpeg', 'cat/a.webp', 'cat/é.png', 'dog/a/z.PNG', 'dog/b.png'])
    expect(source.labelNames).toEqual(['Bird', 'cat', 'dog'])
    expect(images.map(({ label }) => label)).toEqual([0, 1, 1, 1, 2, 2])
  })

  test('a flat folder has no labels; other files are ignored and counted', async () => {
    const directory = await scratchDirectory()
    for (const name of ['2.png', '10.png', '._2.png', '.cache/3.png', 'README.txt', 'x.gif'])
      await write(directory, name, await png(3, 2))

    const { source, images, names, messages } = await read(directory)

    expect(names).toEqual(['10.png', '2.png'])
    expect(source.labelNames).toEqual([])
    expect(images.map(({ label }) => label)).toEqual([-1, -1])
    expect(messages).toEqual([expect.stringContaining('ignored 4')])
  })

  test('skips and names a tenth of bad files', async () => {
    const directory = await folderOf(18)
    const jpeg = await gradient(40, 40).jpeg().toBuffer()
    await write(directory, 'all/cut.jpg', jpeg.subarray(0, jpeg.length / 2))
    await write(directory, 'all/line\nbreak\u202e.png', '')

    const { images, messages } = await read(directory)

    expect(images).toHaveLength(18)
    expect(messages).toHaveLength(1)
    expect(messages[0]).toMatch(
      /2 of 20 image files cannot be used: "all\/cut\.jpg": .*; "all\/line\\nbreak.*: the file is empty/,
    )
  })

  test('fails above a tenth, with the first twenty names', async () => {
    const directory = await folderOf(2)
    for (let i = 0; i < 25; i++) await write(directory, `bad/${String(i).padStart(2, '0')}.jpg`, '<html>')

    const failure = await read(directory).catch((error: unknown) => error)

    expect(failure).toMatchObject({ code: 'image-format-not-allowed' })
    const { detail } = failure as { detail: string }
    expect(detail).toMatch(/^25 of 27 image files cannot be used/)
    expect(detail).toContain('"bad/19.jpg": it is neither JPEG, PNG nor WebP')
    expect(detail).not.toContain('bad/20.jpg')
  })

  test('refuses links out of the folder, to directories and to nothing; follows one inside', async () => {
    const outside = await write(await scratchDirectory(), 'secret.png', await png(3, 3))
    const directory = await folderOf(40)
    await symlink(outside, join(directory, 'all/out.png'))
    await symlink(join(outside, '..'), join(directory, 'all/elsewhere'))
    await symlink('../all', join(directory, 'all/loop'))
    await symlink('nothing.png', join(directory, 'all/nothing.png'))
    await symlink('00.png', join(directory, 'all/zz-inside.png'))

    const { names, messages } = await read(directory)

    expect(names).toHaveLength(41)
    expect(names.at(-1)).toBe('all/zz-inside.png')
    expect(messages[0]).toMatch(/^4 of 45/)
    for (const name of [
      'out.png": a link out of',
      'elsewhere": a link out of',
      'loop": a link to a dir',
      'nothing.png": a link to nothing',
    ])
      expect(messages[0]).toContain(name)
  })

  test('a socket with an image’s name is not read', async () => {
    const directory = await folderOf(3)
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(join(directory, 'all/socket.png'), resolve))

    const { names } = await read(directory).finally(() => server.close())

    expect(names).toHaveLength(3)
  })

  test('says that there is no folder, that it is a file, that it is empty', async () => {
    const directory = await scratchDirectory()
    await mkdir(join(directory, 'empty'))
    const file = await write(directory, 'file.png', await png(2, 2))

    await expect(read(join(directory, 'none'))).rejects.toMatchObject({ code: 'not-found' })
    await expect(read(file)).rejects.toMatchObject({ code: 'dataset-invalid' })
    expect((await read(join(directory, 'empty'))).images).toEqual([])
  })
})

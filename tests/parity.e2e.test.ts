import { describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const fixture = (name: string) => join(root, 'tests/fixtures/parity', name)

interface Report {
  files: { file: string; config: object; pass: boolean }[]
  bars: { name: string; value: number; limit: number; pass: boolean }[]
}

const parity = (...files: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((done) => {
    execFile(
      process.execPath,
      [join(root, 'apps/cli/bin/kantor.mjs'), 'parity', ...files, '--json'],
      (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, stdout, stderr }),
    )
  })

describe('kantor parity', () => {
  test('recorded PyTorch trainings are reproduced within the bars', async () => {
    const names = ['dcgan16-clip', 'mlp16-clip', 'dcgan16-nobn-gp-adam']
    const { code, stdout } = await parity(...names.map((name) => fixture(`${name}.safetensors`)))

    const report = JSON.parse(stdout) as Report
    expect(report.files.map(({ pass }) => pass)).toEqual([true, true, true])
    expect(report.bars).toHaveLength(18)
    for (const bar of report.bars) expect(bar.value).toBeLessThanOrEqual(bar.limit)
    expect(code).toBe(0)
  })

  test('a file of another kind is refused by name', async () => {
    const { code, stderr } = await parity(join(root, 'package.json'))

    expect(code).toBe(2)
    expect(stderr).toContain('package.json')
  })
})

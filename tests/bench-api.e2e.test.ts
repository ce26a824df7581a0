import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { repoRoot } from '@kantor/runtime'

interface Report {
  machine: object
  calibration: { fastifyPerSecond: number; selectPerSecond: number; speed: number }[]
  rows: { name: string; speed: number }[]
  bars: { name: string; value: number; op: string; limit: number; pass: boolean }[]
}

// Whether the bars are met says nothing on a machine that runs other tests; that none of them fails a request does.
test('bench:api measures every row, and answers with one document and its exit code', async () => {
  const script = join(repoRoot(), 'bench/api.mjs')
  const { code, stdout, stderr } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [script, '--json', '--tiny'], { maxBuffer: 1 << 24 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code) : 0, stdout: out, stderr: err }),
    )
  })

  expect({ code: [0, 1].includes(code), stderr }).toEqual({ code: true, stderr: expect.anything() })
  const { calibration, rows, bars, machine } = JSON.parse(stdout) as Report
  expect(machine).toMatchObject({ cores: expect.any(Number), node: process.version })
  expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(['submit', 'batch', 'dashboards']))
  expect(calibration).toHaveLength(rows.length + 1)
  for (const { speed } of [...calibration, ...rows]) expect(speed > 0 && speed <= 1).toBe(true)
  for (const { value, op, limit, pass } of bars) expect(pass).toBe(op === '<=' ? value <= limit : value >= limit)
  expect(code).toBe(bars.every(({ pass }) => pass) ? 0 : 1)
  expect(bars.filter(({ name }) => name.endsWith(': failed')).map(({ value }) => value)).toEqual([0, 0, 0])
}, 180_000)

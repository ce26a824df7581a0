import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { smallJob } from '../stack/local-stack.js'
import { cli, PATIENCE_MS, shoot, until, type Story } from './browser.js'

/** What belongs to the service and to no job: datasets, alert rules, webhooks, weights. */
export function keepsRegisters(story: () => Story): void {
  test(
    'a dataset shows its images, its classes, and the files that it could not use',
    async () => {
      const { stack, page, job } = story()
      const folder = await mkdtemp(join(tmpdir(), 'kantor-shapes-'))
      const { items } = await until(
        () => stack.client.listSamples({ params: { id: job.id }, query: { limit: 12 } }),
        (samples) => samples.items.length === 12,
      )
      for (const [index, { id }] of items.entries()) {
        const label = join(folder, index < 8 ? 'early' : 'late')
        await mkdir(label, { recursive: true })
        await writeFile(join(label, `${index}.png`), await stack.client.downloadSample({ params: { id } }))
      }
      await writeFile(join(folder, 'late', 'broken.png'), 'no picture')
      execFileSync(process.execPath, [cli, 'dataset', 'import', 'shapes', folder, '--data-dir', stack.dataDir])
      await rm(folder, { recursive: true })

      await page.getByRole('link', { name: 'Datasets' }).click()
      await page.getByRole('link', { name: 'shapes' }).click()
      await page.getByRole('heading', { name: 'shapes' }).waitFor()
      await loaded(page, '12 images of shapes, drawn by lot')
      await page
        .getByRole('region', { name: 'Left out' })
        .getByRole('row', { name: /broken\.png/ })
        .waitFor()
      const classes = page.getByRole('list', { name: 'Images of each class' }).getByRole('listitem')
      expect(await classes.allTextContents()).toEqual(['early8', 'late4'])
      await shoot(page, 'dataset-left-out')

      await page.getByRole('link', { name: 'Datasets' }).first().click()
      await page.getByRole('link', { name: 'mnist', exact: true }).click()
      await loaded(page, '64 images of mnist, drawn by lot')
      await shoot(page, 'dataset')
      await inNarrowDark(page, 'dataset')
    },
    PATIENCE_MS,
  )

  test(
    'an alert rule is made, fires, is switched off and deleted',
    async () => {
      const { stack, page } = story()
      await page.getByRole('link', { name: 'Alerts' }).click()
      await page.getByText('No alert rules').waitFor()
      await page.getByText('No webhooks').waitFor()
      await shoot(page, 'alerts-empty')
      await page.getByRole('button', { name: 'New rule' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Name').fill('well done')
      await dialog.getByLabel('It fires when').click()
      await page.getByRole('option', { name: 'a job ends' }).click()
      const options = dialog.getByLabel('A job has')
      // Its pills lie over the field that the label names.
      await options.click({ force: true })
      await page.getByRole('option', { name: 'succeeded' }).click()
      await options.press('Escape')
      await dialog.getByRole('button', { name: 'Create' }).click()
      const row = page.getByRole('row', { name: /well done/ })
      await row.getByText('a job has failed or succeeded').waitFor()

      const over = await stack.client.createJob({ body: smallJob(5, 5) })
      await row.getByRole('link', { name: over.id.slice(-8) }).waitFor()
      await row.getByRole('switch', { name: 'Watch for well done' }).click({ force: true })
      await until(
        () => stack.client.listAlertRules(),
        ({ items }) => items.every(({ active }) => !active),
      )
    },
    PATIENCE_MS,
  )

  test(
    'a webhook is made, tested and deleted; an address that will not do is refused in the API’s words',
    async () => {
      const { page } = story()
      const heard: string[] = []
      const receiver = createServer((request, response) => {
        heard.push(String(request.headers['webhook-id']))
        response.writeHead(204).end()
      }).listen(0, '127.0.0.1')
      receiver.unref()
      await once(receiver, 'listening')
      const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/kantor`

      await page.getByRole('button', { name: 'New webhook' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Address').fill('ftp://here')
      await dialog.getByRole('button', { name: 'Create' }).click()
      await dialog.getByRole('alert').getByText('must be an http:// or https:// address').waitFor()
      await shoot(page, 'webhook-refused', false)
      await dialog.getByLabel('Address').fill(url)
      await dialog.getByRole('button', { name: 'Create' }).click()
      await dialog.getByText('It is shown only now').waitFor()
      await dialog.getByRole('button', { name: 'I have it' }).click()
      await dialog.waitFor({ state: 'detached' })
      const row = page.getByRole('row', { name: url })
      await row.getByRole('button', { name: `Test ${url}` }).click()
      await row.getByText(/^Test: taken, status 204/).waitFor()
      expect(heard).toHaveLength(1)
      await shoot(page, 'alerts')
      await inNarrowDark(page, 'alerts')

      for (const name of ['well done', url]) {
        await page.getByRole('row', { name }).getByRole('button', { name: 'Delete' }).click()
        await dialog.getByRole('button', { name: 'Delete' }).click()
        await page.getByRole('row', { name }).waitFor({ state: 'detached' })
        await dialog.waitFor({ state: 'detached' })
      }
      receiver.close()
    },
    PATIENCE_MS,
  )

  test(
    'weights are uploaded, listed and deleted; a file that holds none is refused',
    async () => {
      const { stack, page, job } = story()
      await page.getByRole('link', { name: 'Weights' }).click()
      await page.getByText('No weights').waitFor()
      const file = page.locator('input[type="file"]')
      await file.setInputFiles({
        name: 'a.safetensors',
        mimeType: 'application/octet-stream',
        buffer: Buffer.from('no'),
      })
      await page.getByRole('alert').waitFor()
      await shoot(page, 'weights-refused', false)
      const { items } = await stack.client.listCheckpoints({ params: { id: job.id } })
      const buffer = Buffer.from(await stack.client.downloadCheckpoint({ params: { id: items[0]!.id } }))
      await file.setInputFiles({ name: 'b.safetensors', mimeType: 'application/octet-stream', buffer })
      const row = page.getByRole('row', { name: /generator and critic/ })
      await row.waitFor()
      await page.getByRole('alert').waitFor({ state: 'detached' })
      await shoot(page, 'weights', false)
      await row.getByRole('button', { name: 'Delete' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
      await page.getByText('No weights').waitFor()
    },
    PATIENCE_MS,
  )
}

/** The picture of that name is there, and is one. */
const loaded = (page: Page, name: string) =>
  until(
    () => page.evaluate<number>(`document.querySelector('img[alt="${name}"]')?.naturalWidth ?? 0`),
    (width) => width > 0,
  )

/** On a telephone in the dark nothing sticks out; then back to the light of a desk. */
async function inNarrowDark(page: Page, name: string): Promise<void> {
  await page.emulateMedia({ colorScheme: 'dark' })
  await page.setViewportSize({ width: 420, height: 900 })
  await sleep(500)
  expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(420)
  await shoot(page, `${name}-narrow-dark`)
  await page.setViewportSize({ width: 1280, height: 900 })
  await page.emulateMedia({ colorScheme: 'light' })
}

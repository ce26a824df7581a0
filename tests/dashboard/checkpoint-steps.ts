import { readFile } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { PATIENCE_MS, shoot, until, type Story } from './browser.js'

/** What a worker makes of a checkpoint, asked for and looked at on the page of its job. */
export function usesCheckpoints(story: () => Story): void {
  test(
    'a checkpoint draws images, and its generator is written for others',
    async () => {
      const { stack, page, job } = story()
      const more = page.getByRole('button', { name: /^More of the checkpoint of step/ }).first()
      await more.click()
      await page.getByRole('menuitem', { name: 'Generate images…' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('First seed').fill('3')
      await dialog.getByLabel('Images', { exact: true }).fill('16')
      await dialog.getByRole('button', { name: 'Generate' }).click()
      const picture = dialog.getByRole('img', { name: '16 images from seed 3, png' })
      await until(
        () => picture.getAttribute('width'),
        (width) => Number(width) > 0,
      )
      await shoot(page, 'generate', false)
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })

      await more.click()
      await page.getByRole('menuitem', { name: 'Export the generator…' }).click()
      await dialog.getByLabel('ONNX').click()
      await dialog.getByRole('button', { name: 'Export' }).click()
      const button = dialog.getByRole('button', { name: 'Download' })
      await button.waitFor()
      await shoot(page, 'export', false)
      const [download] = await Promise.all([page.waitForEvent('download'), button.click()])
      expect(download.suggestedFilename()).toMatch(/^before the eyes-step-\d+-onnx\.onnx$/)
      const { items } = await stack.client.listTasks({ query: { jobId: job.id } })
      const made = items.find(({ kind }) => kind === 'export')
      expect((await readFile(await download.path())).length).toBe(made?.kind === 'export' && made.result?.sizeBytes)
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      const tasks = page.getByRole('region', { name: 'Tasks' })
      await tasks.getByRole('row', { name: /export as onnx .*succeeded/ }).waitFor()
      await tasks.getByRole('row', { name: /16 images from seed 3, png .*succeeded/ }).waitFor()
    },
    PATIENCE_MS,
  )
}

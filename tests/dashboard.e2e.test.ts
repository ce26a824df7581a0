import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from '@kantor/contracts'
import type { Browser, Page } from 'playwright-core'
import {
  cli,
  drawnPixels,
  executablePath,
  openBrowser,
  openPage,
  pictures,
  reading,
  shoot as shootPage,
  until,
} from './dashboard/browser.js'
import { usesCheckpoints } from './dashboard/checkpoint-steps.js'
import { isJudged, measuresItself } from './dashboard/diagnostic-steps.js'
import { keepsRegisters } from './dashboard/register-steps.js'
import { ended, type LocalStack, smallJob, startLocalStack, waitFor } from './stack/local-stack.js'

if (!existsSync(executablePath)) {
  console.warn(`SKIPPED: the dashboard's tests need Chromium; ${executablePath} is not there (set CHROME_PATH)`)
}
const whereChromiumIs = existsSync(executablePath) ? describe : describe.skip

whereChromiumIs('the dashboard in Chromium, against a stack that trains', () => {
  let stack: LocalStack
  let browser: Browser
  let page: Page
  let job: Job
  const complaints: string[] = []

  beforeAll(async () => {
    mkdirSync(pictures, { recursive: true })
    stack = await startLocalStack({ KANTOR_WEBHOOK_PRIVATE: 'on' })
    // Far more steps than the test waits for: the page's own cancel button ends it.
    job = await stack.client.createJob({ body: { ...smallJob(1_000_000, 40), name: 'before the eyes' } })
    browser = await openBrowser()
    page = await openPage(browser, complaints)
  }, 180_000)
  afterAll(async () => {
    if (complaints.length > 0) console.warn(stack.log())
    await browser?.close()
    await stack?.stop()
  }, 150_000)

  const story = () => ({ stack, browser, page, job })
  const shoot = (name: string, fullPage = true) => shootPage(page, name, fullPage)
  const newestStep = () => reading(page, 'step').then((text) => Number(text.split('–').at(-1)!.replaceAll(/\D/g, '')))

  test('is served under a policy that allows no foreign and no inline script', async () => {
    const reply = await fetch(`${stack.url}/ui/`)
    const policy = reply.headers.get('content-security-policy') ?? ''

    expect(reply.status).toBe(200)
    expect(policy).toMatch(/script-src 'self'(;|$)/)
    expect(await reply.text()).not.toMatch(/<script(?![^>]*\bsrc=)/)
  })

  test('lists the job and leads to its page', async () => {
    await page.goto(`${stack.url}/ui/`)
    await waitFor(stack.client, job.id, ({ progress }) => (progress?.step ?? 0) > 0)
    const row = page.getByRole('row', { name: /before the eyes/ })
    await row.getByText('running').waitFor()
    await row.getByText('/ 1,000,000').waitFor()
    expect(await row.textContent()).toContain('mnist')
    await shoot('jobs')

    await page.getByText('failed', { exact: true }).click()
    await page.getByText('No job is in these states').waitFor()
    await page.getByText('failed', { exact: true }).click()
    await row.getByRole('link').click()

    await page.getByRole('heading', { name: 'before the eyes' }).waitFor()
    expect(page.url()).toBe(`${stack.url}/ui/jobs/${job.id}`)
  })

  test('the curve grows while the job trains', async () => {
    const early = await until(newestStep, (step) => step > 0)
    const later = await until(newestStep, (step) => step >= early + 60)
    // The step that the page names is in the API's curve, and the median's line is really on the canvas.
    const held = await stack.client.getCurve({ params: { id: job.id }, query: { from: later, to: later } })
    expect(held.series.w_estimate!.x).toEqual([later])
    expect(await drawnPixels(page)).toBeGreaterThan(200)
  })

  test('samples appear, from the first to the newest', async () => {
    const grid = page.getByRole('img', { name: /generated images at generator step/ })
    await until(
      () => grid.getAttribute('alt'),
      (alt) => !alt!.endsWith('step 0'),
    )
    expect(await grid.getAttribute('src')).toMatch(/^blob:/)

    const slider = page.getByRole('slider')
    await slider.focus()
    await page.keyboard.press('Home')
    await page.getByRole('img', { name: '16 generated images at generator step 0' }).waitFor()
    await page.keyboard.press('End')
    await page.getByText('· newest').waitFor()
  })

  measuresItself(story)

  test('a checkpoint comes down whole', async () => {
    const button = page.getByRole('button', { name: /^Download the checkpoint of step/ }).last()
    const [download] = await Promise.all([page.waitForEvent('download'), button.click()])
    const file = await readFile(await download.path())

    expect(download.suggestedFilename()).toMatch(/^before the eyes-step-\d+\.safetensors$/)
    expect(file.readBigUInt64LE(0)).toBeLessThan(BigInt(file.length))
  })

  test('a checkpoint is pinned, and unpinned', async () => {
    // The newest, by its name: training goes on, the list with it, and the oldest is retired.
    const newest = page.getByRole('button', { name: /^Pin the checkpoint of step/ }).first()
    const name = (await newest.getAttribute('aria-label'))!
    const pin = page.getByRole('button', { name, exact: true })
    const step = Number(name.split(' ').at(-1)!.replaceAll(/\D/g, ''))
    const isPinned = async () => {
      const { items } = await stack.client.listCheckpoints({ params: { id: job.id } })
      return items.find((one) => one.step === step)?.pinned
    }
    await pin.click()
    await page.getByRole('button', { name: /^Pin the checkpoint of step/, pressed: true }).waitFor()
    expect(await isPinned()).toBe(true)
    await page.getByRole('button', { name: /^Pin the checkpoint of step/, pressed: true }).click()
    await until(isPinned, (pinned) => pinned === false)
  })

  test('dragging zooms by a new question, Escape shows all again', async () => {
    const chart = page.getByRole('application').first()
    const box = (await chart.boundingBox())!
    const asked = page.waitForRequest((request) => /curve\?.*from=\d+&to=\d+/.test(request.url()))
    await page.mouse.move(box.x + box.width * 0.4, box.y + 80)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 90, { steps: 4 })
    await page.mouse.up()

    const query = new URL((await asked).url()).searchParams
    expect(Number(query.get('to'))).toBeGreaterThan(Number(query.get('from')))
    await page.getByRole('button', { name: 'Show all' }).waitFor()
    await shoot('zoomed')
    await chart.focus()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Show all' }).waitFor({ state: 'detached' })
  })

  test('fits a telephone, in light and in dark', async () => {
    await shoot('job')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width: 420, height: 900 })
      await sleep(500)
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(420)
      await shoot(`job-narrow-${colorScheme}`)
    }
    await page.setViewportSize({ width: 1280, height: 900 })
    await shoot('job-dark')
    await page.emulateMedia({ colorScheme: 'light' })
  })

  test('pauses with a checkpoint, says where it goes on, and resumes there', async () => {
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByRole('menuitem', { name: 'Save a checkpoint first' }).click()
    await page.locator('h1 + [data-state="paused"]').waitFor()
    await page.getByText(/Paused by a person · goes on from the checkpoint of step \d+/).waitFor()
    await shoot('paused')
    const { progress } = await stack.client.getJob({ params: { id: job.id } })

    await page.getByRole('button', { name: 'Resume' }).click()
    await page.locator('h1 + [data-state="running"]').waitFor()

    const attempts = page.getByRole('region', { name: 'Attempts' })
    await attempts.getByRole('row').nth(2).waitFor()
    const { items } = await stack.client.listAttempts({ params: { id: job.id } })
    expect(items).toMatchObject([
      { attempt: 1, outcome: 'paused', toStep: progress!.step, exit: { code: 0 }, deviceClass: 'cpu' },
      { attempt: 2, outcome: null, fromStep: progress!.step },
    ])
    expect(items[0]!.usage.cpuSeconds).toBeGreaterThan(0)
  })

  test('cancel asks first, then ends the job', async () => {
    await page.getByRole('button', { name: 'Cancel job' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'Keep it' }).click()
    await dialog.waitFor({ state: 'detached' })
    expect((await stack.client.getJob({ params: { id: job.id } })).state).toBe('running')

    await page.getByRole('button', { name: 'Cancel job' }).click()
    await dialog.getByRole('button', { name: 'Cancel job' }).click()
    await page.locator('h1 + [data-state="cancelled"]').waitFor()
    expect(await waitFor(stack.client, job.id, ended)).toMatchObject({ state: 'cancelled', reason: 'user' })
    await page.getByRole('button', { name: 'Cancel job' }).waitFor({ state: 'detached' })
    await shoot('cancelled')
  })

  usesCheckpoints(story)

  isJudged(story)

  test('a fork goes on from the newest checkpoint; archived, the old job leaves the list', async () => {
    await page.getByRole('button', { name: 'Fork' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('after the eyes')
    await shoot('fork')
    await dialog.getByRole('button', { name: 'Fork' }).click()
    await page.getByRole('heading', { name: 'after the eyes' }).waitFor()
    const fork = (await stack.client.listJobs({ query: { limit: 1 } })).items[0]!
    expect(fork).toMatchObject({ name: 'after the eyes', startFrom: { jobId: job.id } })
    await waitFor(stack.client, fork.id, ({ state }) => state === 'running')
    await stack.client.cancelJob({ params: { id: fork.id } })

    await page.getByRole('link', { name: `job ${job.id.slice(-8)}` }).click()
    await page.getByRole('button', { name: 'Archive' }).click()
    await page.getByRole('button', { name: 'Unarchive' }).waitFor()
    await shoot('archived')
    await page.getByRole('link', { name: 'Jobs', exact: true }).click()
    await page.getByRole('row', { name: /after the eyes/ }).waitFor()
    expect(await page.getByRole('row', { name: /before the eyes/ }).count()).toBe(0)
    await page.getByText('archived', { exact: true }).click()
    await page
      .getByRole('row', { name: /before the eyes/ })
      .getByRole('link')
      .click()
    await page.getByRole('heading', { name: 'before the eyes' }).waitFor()
  })

  test('a sweep lists its trials by rank and by any column, and lays their curves over each other', async () => {
    const { spec } = smallJob(20, 10)
    const parameters = { 'optimizer.generatorLearningRate': { values: [1e-4, 2e-4] } }
    const body = { name: 'two rates', spec, search: { kind: 'grid' as const, parameters } }
    const { id } = await stack.client.createSweep({ body })
    await page.getByRole('link', { name: 'Sweeps' }).click()
    await page.getByRole('link', { name: 'two rates' }).click()
    await page.getByText('finished').waitFor()

    const rows = page.getByRole('region', { name: 'Trials' }).last().locator('tbody tr')
    const { best } = await stack.client.getSweep({ params: { id } })
    expect(
      await until(
        () => rows.first().textContent(),
        (text) => text?.includes('succeeded') ?? false,
      ),
    ).toContain(`#${best!.trial}`)
    for (const [rate, direction] of [
      ['0.0001', 'ascending'],
      ['0.0002', 'descending'],
    ]) {
      await page.getByRole('button', { name: 'generatorLearningRate' }).click()
      const head = page.getByRole('columnheader', { name: 'generatorLearningRate' })
      expect(await head.getAttribute('aria-sort')).toBe(direction)
      expect(await rows.first().textContent()).toContain(rate)
    }
    await page.getByRole('application', { name: /estimates of the trials/ }).waitFor()
    await page.getByText('2 of 2 trials').waitFor()
    await until(
      () => drawnPixels(page),
      (pixels) => pixels > 100,
    )
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width: 380, height: 900 })
      await sleep(500)
      expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(380)
      await shoot(`sweep-narrow-${colorScheme}`)
    }
    await page.setViewportSize({ width: 1280, height: 900 })
    await page.emulateMedia({ colorScheme: 'light' })
    await shoot('sweep')
  })

  keepsRegisters(story)

  test('nothing was complained about in the console or by the policy', () => {
    // What the story had refused on purpose, the browser notes too.
    const refused = / status of 422 .*\/(?:webhooks|weights)$/
    expect(complaints.filter((text) => !refused.test(text))).toEqual([])
  })

  test('asks for a key as soon as the service has one, and works with it', async () => {
    const output = execFileSync(
      process.execPath,
      [cli, 'key', 'create', '--name', 'dashboard', '--scope', 'read', '--data-dir', stack.dataDir],
      { encoding: 'utf8' },
    )
    const key = /kantor_\w+/.exec(output)![0]
    // The API notices its first key within seconds; a page opened before that has no reason to ask.
    while ((await fetch(`${stack.url}/jobs`)).status !== 401) await sleep(100)
    const stranger = await openPage(browser, [])
    await stranger.goto(`${stack.url}/ui/jobs/${job.id}`)
    await stranger.getByLabel('API key').fill(`${key.slice(0, -1)}_`)
    await stranger.keyboard.press('Enter')
    await stranger.getByText('does not accept the key').waitFor()
    await stranger.getByLabel('API key').fill(key)
    await stranger.keyboard.press('Enter')

    // The picture needs the key too: an <img> by itself could not send it.
    await stranger.getByRole('img', { name: /generated images/ }).waitFor()
    expect(await stranger.evaluate<string>('document.body.innerText + location.href')).not.toContain(key)
    await stranger.close()
  })
})

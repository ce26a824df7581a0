import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Job } from '@kantor/contracts'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { LocalStack } from '../stack/local-stack.js'

export const executablePath = process.env['CHROME_PATH'] ?? '/usr/bin/chromium'
export const cli = join(import.meta.dirname, '../../apps/cli/bin/kantor.mjs')
/** Of a step that has a worker do something. */
export const PATIENCE_MS = 180_000
export const pictures = join(import.meta.dirname, '../../test-output')

// The switches keep Chromium from calling home, which a closed network answers with noise.
const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const openBrowser = (): Promise<Browser> => chromium.launch({ executablePath, args: quiet })

/** What the steps of the dashboard's test share: a stack, a page, and the job that it looks at. */
export interface Story {
  stack: LocalStack
  browser: Browser
  page: Page
  job: Job
}

export const shoot = (page: Page, name: string, fullPage = true): Promise<Buffer> =>
  page.screenshot({ path: join(pictures, `dashboard-${name}.png`), fullPage })

export async function openPage(browser: Browser, complaints: string[]): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' })
  const page = await context.newPage()
  page.setDefaultTimeout(45_000)
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning')
      complaints.push(`${message.text()} ${message.location().url}`)
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  return page
}

/** The value under a name in the estimate's readout. */
export const reading = async (page: Page, name: string): Promise<string> =>
  (await page
    .getByRole('region', { name: 'Wasserstein estimate' })
    .locator('dl')
    .first()
    .locator('div', { has: page.getByText(name, { exact: true }) })
    .locator('dd')
    .textContent()) ?? ''

/** Pixels of the first chart's canvas in the colour of the median's line. */
export const drawnPixels = (page: Page): Promise<number> =>
  page.evaluate<number>(`(() => {
    const canvas = document.querySelector('canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    let drawn = 0
    for (let i = 0; i < data.length; i += 4) if (data[i] === 36 && data[i + 1] === 84 && data[i + 2] === 138) drawn++
    return drawn
  })()`)

/** Asks again until the answer will do; the test's own time limit is the end of patience. */
export async function until<T>(ask: () => Promise<T>, enough: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (enough(answer)) return answer
    await sleep(100)
  }
}

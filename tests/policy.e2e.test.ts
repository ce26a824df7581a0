import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createClient } from '@kantor/client'
import { createKey, migrate, openDatabase } from '@kantor/db'
import { type Services, startServices } from '@kantor/testing'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { adminPortOf, type ApiProcess, launchApi, listening } from '../apps/api/tests/process.js'
import { registerDigits } from '../apps/api/tests/rig.js'

const executablePath = process.env['CHROME_PATH'] ?? '/usr/bin/chromium'
if (!existsSync(executablePath)) {
  console.warn(`SKIPPED: the policy's tests need Chromium; ${executablePath} is not there (set CHROME_PATH)`)
}
const whereChromiumIs = existsSync(executablePath) ? describe : describe.skip

/** What would run if a name were taken for markup. */
const hostile = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`

whereChromiumIs('the built pages in Chromium', () => {
  let services: Services
  let api: ApiProcess
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let url: string
  let key: string
  const complaints: string[] = []

  beforeAll(async () => {
    services = await startServices({ redis: false, s3: false })
    await migrate(services.databaseUrl)
    const db = await openDatabase(services.databaseUrl)
    await registerDigits(db)
    key = (await createKey(db, { name: 'browser', scope: 'admin' })).key
    await db.close()
    api = launchApi({
      DATABASE_URL: services.databaseUrl,
      KANTOR_DATA_DIR: services.directory,
      KANTOR_ADMIN_PORT: '0',
      KANTOR_BULL_BOARD: 'on',
    })
    url = `http://127.0.0.1:${await listening(api)}`
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu', '--no-first-run'] })
    context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
    // The event names what the console's line leaves out.
    await context.addInitScript({
      content: `document.addEventListener('securitypolicyviolation', (event) =>
        console.error('VIOLATION', location.pathname, event.violatedDirective, event.blockedURI, event.sample))`,
    })
    page = await context.newPage()
    page.setDefaultTimeout(45_000)
    page.on('console', (message) => {
      // Asked without a key, the API says 401 and the page asks for one.
      if (message.type() === 'error' && !message.text().includes('401')) complaints.push(message.text())
    })
    page.on('pageerror', (error) => complaints.push(error.message))
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    api?.child.kill('SIGKILL')
    await api?.exited
    await services?.stop()
  }, 60_000)

  test('S8: a browser logs in with a key, keeps no key where scripts read, and logs out', async () => {
    await page.goto(`${url}/ui/`)
    await page.getByLabel('API key').fill(key)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Log out' }).waitFor()

    const readable = await page.evaluate<string>(
      'JSON.stringify([document.cookie, { ...sessionStorage }, { ...localStorage }, document.body.innerHTML])',
    )
    expect(readable).not.toMatch(/kantor_session|kantor_[0-9a-f]{8}/)
    expect(await context.cookies()).toMatchObject([{ name: 'kantor_session', httpOnly: true, sameSite: 'Strict' }])
    await page.getByRole('button', { name: 'Log out' }).click()
    await page.getByLabel('API key').waitFor()
    expect(await context.cookies()).toEqual([])
    await page.getByLabel('API key').fill(key)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Log out' }).waitFor()
  })

  test('S9: a name that is markup is text wherever it is shown', async () => {
    const client = createClient({ url, apiKey: key })
    const job = await client.createJob({
      body: { name: hostile, notes: hostile, tags: { x: hostile }, spec: { dataset: 'digits' } },
    })
    await page.goto(`${url}/ui/`)
    await page.getByRole('link', { name: hostile }).click()
    await page.getByRole('heading', { name: hostile }).waitFor()
    await page.getByRole('button', { name: 'Cancel job' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })

    expect(page.url()).toContain(job.id)
    expect(await page.title()).not.toBe('owned')
    expect(await page.locator('img[src="x"]').count()).toBe(0)
  })

  test('S8: the dashboard cannot make markup out of text, whoever tries', async () => {
    const other = await context.newPage()
    await other.goto(`${url}/ui/`)
    await other.getByRole('button', { name: 'Log out' }).waitFor()
    const tried = await other.evaluate<string[]>(`[
      () => { document.createElement('div').innerHTML = '<img src=x>' },
      () => { document.createElement('script').text = 'document.title = "owned"' },
      () => { document.createElement('script').src = '/ui/before-paint.js' },
      () => { new DOMParser().parseFromString('<b>', 'text/html') },
      () => { trustedTypes.createPolicy('other', {}) },
      () => { document.createElement('style').innerHTML = 'a { color: red }' },
    ].map((act) => { try { act(); return 'done' } catch (error) { return error.constructor.name } })`)
    expect(tried).toEqual([...Array(5).fill('TypeError'), 'done'])
    await other.close()
  })

  test('S8: no page meets its own policy: dashboard, workers, documentation, errors, tickets', async () => {
    await page.goto(`${url}/ui/workers`)
    await page.getByRole('heading', { name: 'Workers' }).waitFor()
    await page.goto(`${url}/docs`)
    const operation = page.locator('.opblock-summary-control').first()
    await operation.click()
    await page.locator('.opblock.is-open .opblock-body').first().waitFor()
    await page.getByRole('button', { name: 'Try it out' }).first().click()
    await page.goto(`${url}/docs/errors`)
    expect(await page.evaluate<string>('getComputedStyle(document.body).maxWidth')).toBe('768px')

    await page.goto(`http://127.0.0.1:${adminPortOf(api)}/queues/`)
    await page.getByText('train-cpu').first().waitFor()

    expect(complaints).toEqual([])
  })
})

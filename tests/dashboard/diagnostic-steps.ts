import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { smallJob, waitFor } from '../stack/local-stack.js'
import { PATIENCE_MS, pictures, shoot, until, type Story } from './browser.js'

/** What a job tells of itself while it trains. */
export function measuresItself(story: () => Story): void {
  test(
    'diagnostics are small charts over the same steps, with the limits of the rules that watch them',
    async () => {
      const { page } = story()
      const panel = page.getByRole('region', { name: 'Diagnostics' })
      const share = panel.getByRole('figure', { name: 'clipped share', exact: true })
      await share.getByText('lagging below 0.02').waitFor()
      await panel.getByRole('figure', { name: 'clipped share min' }).getByText('saturated above 0.95').waitFor()
      await share.getByText('share of the critic’s weights on the clip bound').waitFor()
      // What this job does not measure has no chart.
      expect(await panel.getByRole('figure', { name: 'overfit gap' }).count()).toBe(0)
      const asked = page.waitForRequest((request) => request.url().includes('clipped_share'))
      const query = new URL((await asked).url()).searchParams
      expect(query.get('metrics')!.split(',').length).toBeGreaterThan(20)
      expect(Number(query.get('sinceSeq'))).toBeGreaterThan(0)
      await share.scrollIntoViewIfNeeded()
      await share.getByRole('application').hover()
      await panel
        .getByRole('figure', { name: 'gen update ratio' })
        .getByText(/^step \d/)
        .waitFor()
      await panel.screenshot({ path: join(pictures, 'dashboard-diagnostics.png') })
      await page.mouse.move(0, 0)
    },
    PATIENCE_MS,
  )
}

/** What is said of a job when it is over: by evaluations, and by the rules of critic health. */
export function isJudged(story: () => Story): void {
  test(
    'an evaluation is asked for, and its figures stand beside what real images get',
    async () => {
      const { stack, page, job } = story()
      await page.getByRole('button', { name: 'Evaluate' }).click()
      const dialog = page.getByRole('dialog')
      await dialog.getByLabel('Images').fill('64')
      await dialog.getByLabel('Metrics').click()
      await page.getByRole('option', { name: 'fid random' }).click()
      await page.getByRole('option', { name: 'sliced w1' }).click()
      await page.keyboard.press('Escape')
      await shoot(page, 'evaluate', false)
      await dialog.getByRole('button', { name: 'Evaluate' }).click()
      await dialog.waitFor({ state: 'detached' })

      const quality = page.getByRole('region', { name: 'Quality' })
      const { items } = await until(
        () => stack.client.listMetrics({ params: { id: job.id } }),
        (found) => found.items.length === 2,
      )
      const sliced = items.find(({ name }) => name === 'sliced_w1')!
      const row = quality.getByRole('row', { name: /sliced w1/ })
      const text = await row.textContent()
      for (const value of [sliced.value, sliced.floor]) expect(text).toContain(value.toPrecision(4))
      expect(text).toContain('64')
      await row.getByRole('button', { name: 'sliced w1' }).click()
      await quality.getByRole('application', { name: /^sliced w1 of checkpoints/ }).waitFor()
      await quality.screenshot({ path: join(pictures, 'dashboard-quality.png') })
    },
    PATIENCE_MS,
  )

  test(
    'a critic in trouble: the diagnostic that says so is marked, with what was done',
    async () => {
      const { stack, page, job } = story()
      const { spec, ...rest } = smallJob(300, 100)
      const troubled = await stack.client.createJob({
        body: {
          ...rest,
          name: 'too fast',
          // Rates at which every update is larger than the weights.
          spec: {
            ...spec,
            optimizer: { kind: 'rmsprop', criticLearningRate: 0.05 },
            remedies: [{ when: 'exploding', do: 'alert' }],
          },
        },
      })
      await waitFor(stack.client, troubled.id, ({ state }) => state === 'succeeded')
      await page.goto(`${stack.url}/ui/jobs/${troubled.id}`)
      const ratio = page.getByRole('figure', { name: 'critic update ratio' })
      await ratio.getByText(/^▼ step \d+: exploding$/).waitFor()
      await ratio.getByText(/^◆ step \d+: .*the critic is exploding/).waitFor()
      await ratio.getByText('exploding above 0.1').waitFor()
      expect(await ratio.getAttribute('data-broken')).toBe('true')
      await page.getByRole('list', { name: 'What happened' }).getByText('the critic is exploding').first().waitFor()
      await shoot(page, 'trouble')
      await page.goto(`${stack.url}/ui/jobs/${job.id}`)
    },
    PATIENCE_MS,
  )
}

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { type Services, startServices } from './services.js'

describe('startServices', () => {
  let services: Services
  beforeAll(async () => {
    services = await startServices()
  })
  afterAll(() => services.stop())

  test('gives every caller an empty database of its own', async () => {
    const urls = [services.databaseUrl, await services.createDatabase()]
    for (const url of urls) {
      const client = new pg.Client(url)
      await client.connect()
      const { rows } = await client.query(`SELECT count(*)::int AS tables FROM pg_tables WHERE schemaname = 'public'`)
      expect(rows).toEqual([{ tables: 0 }])
      await client.query('CREATE TABLE mark (id int)')
      await client.end()
    }
    expect(new Set(urls).size).toBe(2)
  })

  test('serves S3 over HTTP', async () => {
    const reply = await fetch(`${services.s3.endpoint}/health`)

    expect(reply.status).toBe(200)
  })
})

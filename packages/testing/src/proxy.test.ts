import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from '@jest/globals'
import { startProxy } from './proxy.js'

describe('startProxy', () => {
  test('passes on, stalls without a word, catches up when mended, and breaks connections when cut', async () => {
    const echo = createServer((socket) => void socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    const proxy = await startProxy((echo.address() as AddressInfo).port)
    const client = createConnection({ port: proxy.port, host: '127.0.0.1' })
    const heard: string[] = []
    client.setEncoding('utf8').on('data', (text: string) => heard.push(text))
    const hears = async (text: string) => {
      while (!heard.includes(text)) await sleep(5)
    }

    client.write('a')
    await hears('a')
    proxy.stall()
    client.write('b')
    await sleep(100)
    expect(heard).toEqual(['a'])
    expect(client.destroyed).toBe(false)
    await proxy.mend()
    await hears('b')

    const closed = once(client, 'close')
    await proxy.cut()
    await closed
    await expect(once(createConnection({ port: proxy.port, host: '127.0.0.1' }), 'connect')).rejects.toThrow(
      'ECONNREFUSED',
    )

    await proxy.mend()
    const again = createConnection({ port: proxy.port, host: '127.0.0.1' })
    again.write('c')
    expect(String((await once(again, 'data'))[0])).toBe('c')
    again.destroy()
    await proxy.stop()
    echo.close()
  })
})
